/** Viewers are large: each is loaded when a session needs it. */
import type { ViewerFactory } from './viewer';

export type ViewerKind = 'vnc';

const loaders: Record<ViewerKind, () => Promise<ViewerFactory>> = {
  vnc: async () => {
    const { VncViewer } = await import('./vnc');
    return (events) => new VncViewer(events);
  },
};

export const loadViewer = (kind: ViewerKind): Promise<ViewerFactory> => loaders[kind]();
