"""The one seam to Ably."""
