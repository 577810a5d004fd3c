"""The binding to Temporal: interceptor, decorator, activity and workflow sides."""
