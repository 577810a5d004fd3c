import type { ReactNode } from 'react';

interface Props {
  children: ReactNode;
}

const Icon = ({ children }: Props): ReactNode => (
  <svg
    className="icon"
    viewBox="0 0 20 20"
    fill="none"
    stroke="currentColor"
    strokeWidth="1.6"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
  >
    {children}
  </svg>
);

export const SendIcon = (): ReactNode => (
  <Icon>
    <path d="M10 16V4.5M5 9l5-5 5 5" />
  </Icon>
);

export const StopIcon = (): ReactNode => (
  <Icon>
    <rect x="5.5" y="5.5" width="9" height="9" rx="1.5" fill="currentColor" stroke="none" />
  </Icon>
);

export const AgainIcon = (): ReactNode => (
  <Icon>
    <path d="M15.5 8A6 6 0 1 0 16 11.5M15.8 4v4h-4" />
  </Icon>
);

export const EditIcon = (): ReactNode => (
  <Icon>
    <path d="M4 16l.7-3.2L13 4.5l2.5 2.5-8.3 8.3L4 16z" />
  </Icon>
);

export const CopyIcon = (): ReactNode => (
  <Icon>
    <rect x="7" y="7" width="9" height="9" rx="2" />
    <path d="M13 7V5.5A1.5 1.5 0 0 0 11.5 4h-6A1.5 1.5 0 0 0 4 5.5v6A1.5 1.5 0 0 0 5.5 13H7" />
  </Icon>
);

export const DoneIcon = (): ReactNode => (
  <Icon>
    <path d="M4.5 10.5l3.5 3.5 7.5-8" />
  </Icon>
);

export const LeaveIcon = (): ReactNode => (
  <Icon>
    <path d="M8 5H5.5A1.5 1.5 0 0 0 4 6.5v8A1.5 1.5 0 0 0 5.5 16h8a1.5 1.5 0 0 0 1.5-1.5V12M11 4h5v5M16 4l-7 7" />
  </Icon>
);

export const PreviousIcon = (): ReactNode => (
  <Icon>
    <path d="M12 5l-5 5 5 5" />
  </Icon>
);

export const NextIcon = (): ReactNode => (
  <Icon>
    <path d="M8 5l5 5-5 5" />
  </Icon>
);

export const DownIcon = (): ReactNode => (
  <Icon>
    <path d="M10 4v11.5M5 11l5 5 5-5" />
  </Icon>
);

export const TeamIcon = (): ReactNode => (
  <Icon>
    <path d="M10 3v4M10 7c0 4-6 2-6 7M10 7c0 4 6 2 6 7M10 7v7" />
    <circle cx="4" cy="15.5" r="1.5" />
    <circle cx="10" cy="15.5" r="1.5" />
    <circle cx="16" cy="15.5" r="1.5" />
  </Icon>
);

export const MoonIcon = (): ReactNode => (
  <Icon>
    <path d="M15.5 11.5A6 6 0 0 1 8.5 4.5a6 6 0 1 0 7 7z" />
  </Icon>
);

export const SunIcon = (): ReactNode => (
  <Icon>
    <circle cx="10" cy="10" r="3.2" />
    <path d="M10 3v1.5M10 15.5V17M3 10h1.5M15.5 10H17M5 5l1 1M14 14l1 1M15 5l-1 1M6 14l-1 1" />
  </Icon>
);

export const StormIcon = (): ReactNode => (
  <Icon>
    <path d="M6 12.5a3.5 3.5 0 0 1 .5-7A4.5 4.5 0 0 1 15 7a2.8 2.8 0 0 1 0 5.5M10.5 9l-2 4h3l-2 4" />
  </Icon>
);

export const PlusIcon = (): ReactNode => (
  <Icon>
    <path d="M10 4.5v11M4.5 10h11" />
  </Icon>
);

export const CloseIcon = (): ReactNode => (
  <Icon>
    <path d="M5.5 5.5l9 9M14.5 5.5l-9 9" />
  </Icon>
);

/** The product's mark. */
export const Mark = (): ReactNode => (
  <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect className="mark-ground" width="32" height="32" rx="9" />
    <path className="mark-hull" d="M6 12.5h20c-1 6.6-4.6 10.6-10 10.6S7 19.1 6 12.5z" />
    <path className="mark-mast" d="M16 5.5V23" />
    <path className="mark-wave" d="M7 26.5c2.2 0 2.2-1.2 4.5-1.2s2.2 1.2 4.5 1.2 2.2-1.2 4.5-1.2 2.2 1.2 4.5 1.2" />
  </svg>
);
