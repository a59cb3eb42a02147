/** Files that are dragged over an element, and dropped on it. */

/** Watches `host`. `over` is told while files hang over it; `files` gets what is dropped. Returns the undo. */
export function bridgeDrop(
  host: HTMLElement,
  over: (hanging: boolean) => void,
  files: (files: File[]) => void,
): () => void {
  const undo = new AbortController();
  const options = { signal: undo.signal };
  const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  host.addEventListener(
    'dragover',
    (event) => {
      if (!holdsFiles(event)) return;
      // Without this the browser opens the file in place of the page.
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
      over(true);
    },
    options,
  );
  host.addEventListener(
    'dragleave',
    (event) => {
      const into = event.relatedTarget;
      if (!(into instanceof Node && host.contains(into))) over(false);
    },
    options,
  );
  host.addEventListener(
    'drop',
    (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      over(false);
      const dropped = Array.from(event.dataTransfer?.files ?? []);
      if (dropped.length > 0) files(dropped);
    },
    options,
  );
  return () => undo.abort();
}
