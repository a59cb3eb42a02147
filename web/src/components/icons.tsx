/** Our own line icons, drawn on a 24 px grid. Decoration only: the words beside them carry the meaning. */
import type { ComponentChildren } from 'preact';

const icon = (paths: ComponentChildren) =>
  function Icon() {
    return (
      <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
        {paths}
      </svg>
    );
  };

export const TerminalIcon = icon(<path d="M3.5 5h17v14h-17zM7 9.5l3 2.5-3 2.5M12.5 15H17" />);
export const DesktopIcon = icon(<path d="M3 4.5h18v12H3zM9 20h6M12 16.5V20" />);
export const BrowserIcon = icon(
  <path d="M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3.4 9.5h17.2M3.4 14.5h17.2M12 3c-5 5.6-5 12.4 0 18 5-5.6 5-12.4 0-18z" />,
);
export const PlugIcon = icon(<path d="M9 3v5M15 3v5M6 8h12v3.5a6 6 0 0 1-12 0zM12 17.5V21" />);
export const ActivityIcon = icon(<path d="M4 6.5h10M4 12h16M4 17.5h7M18 4.5l-1.6 2.2L15 5.8" />);
export const NodeIcon = icon(<path d="M3.5 4.5h17v6h-17zM3.5 13.5h17v6h-17zM7 7.5v.1M7 16.5v.1" />);
export const GridIcon = icon(
  <path d="M4 4h6.5v6.5H4zM13.5 4H20v6.5h-6.5zM4 13.5h6.5V20H4zM13.5 13.5H20V20h-6.5z" />,
);
export const SunIcon = icon(
  <path d="M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4" />,
);
export const MoonIcon = icon(<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z" />);
export const AutoIcon = icon(<path d="M12 3.5a8.5 8.5 0 1 0 0 17zM12 3.5a8.5 8.5 0 0 1 0 17" />);
export const UserIcon = icon(
  <path d="M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20.5c.6-4 3.6-6 7.5-6s6.9 2 7.5 6" />,
);
export const LogoutIcon = icon(<path d="M14 4H5v16h9M10 12h10.5M17 8.5l3.5 3.5-3.5 3.5" />);
export const PlayIcon = icon(<path d="M7 4.5l12 7.5-12 7.5z" />);
export const PauseIcon = icon(<path d="M7 4.5h3.5v15H7zM13.5 4.5H17v15h-3.5z" />);
export const StopIcon = icon(<path d="M12 3v9M6.3 6.8a8 8 0 1 0 11.4 0" />);
export const HomeIcon = icon(<path d="M3.5 11.5L12 4l8.5 7.5M6 9.5V20h12V9.5M10 20v-6h4v6" />);
export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />);
export const CheckIcon = icon(<path d="M4.5 12.5l5 5 10-11" />);
export const CrossIcon = icon(<path d="M6 6l12 12M18 6L6 18" />);
export const ChevronIcon = icon(<path d="M9 5.5l6.5 6.5L9 18.5" />);
export const BackIcon = icon(<path d="M20 12H4.5M10.5 5.5L4 12l6.5 6.5" />);
export const UploadIcon = icon(<path d="M12 16V4.5M6.5 9.5L12 4l5.5 5.5M4 16v4h16v-4" />);
export const DownloadIcon = icon(<path d="M12 4.5V16M6.5 11L12 16.5l5.5-5.5M4 16v4h16v-4" />);
export const RollBackIcon = icon(<path d="M4 5v5h5M4.6 10a8 8 0 1 1-.4 4" />);
export const TrashIcon = icon(
  <path d="M4.5 6.5h15M9.5 6.5V4h5v2.5M6.5 6.5l1 13.5h9l1-13.5M10.5 10.5v6M13.5 10.5v6" />,
);
export const WarnIcon = icon(<path d="M12 4L2.5 20h19zM12 10v4.5M12 17.2v.1" />);
export const BlockIcon = icon(<path d="M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM6 6l12 12" />);
export const EditIcon = icon(<path d="M4 20l1-4.5L16.5 4l3.5 3.5L8.5 19zM14 6.5l3.5 3.5" />);
export const InfoIcon = icon(<path d="M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 11v5.5M12 7.6v.1" />);
export const ClipboardIcon = icon(<path d="M8.5 5H5.5v15.5h13V5h-3M8.5 3.5h7V7h-7zM8.5 12h7M8.5 16h4.5" />);
export const SendIcon = icon(<path d="M20.5 4L3.5 10.5l7 3 3 7zM10.5 13.5l4-4" />);
export const KeyboardIcon = icon(
  <path d="M2.5 6h19v12h-19zM6 9.7v.1M10 9.7v.1M14 9.7v.1M18 9.7v.1M6 12.5v.1M18 12.5v.1M10 12.5v.1M14 12.5v.1M8.5 15.2h7" />,
);
export const FullscreenIcon = icon(<path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5" />);
export const ShrinkIcon = icon(<path d="M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5" />);
export const FitIcon = icon(
  <path d="M3.5 5.5h17v13h-17zM7 12h10M9 9.5L6.5 12 9 14.5M15 9.5l2.5 2.5-2.5 2.5" />,
);
export const MoveIcon = icon(
  <path d="M12 3v18M3 12h18M9.5 5.5L12 3l2.5 2.5M9.5 18.5L12 21l2.5-2.5M5.5 9.5L3 12l2.5 2.5M18.5 9.5L21 12l-2.5 2.5" />,
);
export const PanelIcon = icon(<path d="M3.5 4.5h17v15h-17zM14.5 4.5v15M17 8.5h1M17 11.5h1" />);
export const BellIcon = icon(<path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15zM10 20.5h4" />);
export const ShieldIcon = icon(
  <path d="M12 3l7.5 3v5.5c0 4.5-3 7.8-7.5 9.5-4.5-1.7-7.5-5-7.5-9.5V6zM8.5 12l2.5 2.5 4.5-5" />,
);
export const NetworkOffIcon = icon(
  <path d="M3 3l18 18M5 12.5a10 10 0 0 1 4.5-2.4M14.5 10.1a10 10 0 0 1 4.5 2.4M8.5 16a5 5 0 0 1 7 0M2 8.8A14.5 14.5 0 0 1 6 6.3M10.5 5.1A14.5 14.5 0 0 1 22 8.8M12 19.5v.1" />,
);
export const EyeIcon = icon(
  <path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z" />,
);
export const CopyIcon = icon(<path d="M8.5 8.5h11.5V20H8.5zM15.5 8.5V4H4v11.5h4.5" />);

/** The product's mark: a gate. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect class="mark-ground" width="32" height="32" rx="8" />
      <path class="mark-arch" d="M8 25V15a8 8 0 0 1 16 0v10" />
      <path class="mark-bars" d="M16 13v12M12 18v7M20 18v7" />
    </svg>
  );
}
