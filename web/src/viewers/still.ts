/** Copies the picture that is shown in `el` right now; null when there is none. */
export function takeStill(el: HTMLElement): HTMLCanvasElement | null {
  const shown = el.querySelector<HTMLCanvasElement>('canvas:not(.viewer-still)');
  if (!shown || shown.width === 0 || shown.height === 0) return null;
  const copy = document.createElement('canvas');
  copy.className = 'viewer-still';
  copy.setAttribute('aria-hidden', 'true');
  copy.width = shown.width;
  copy.height = shown.height;
  // Placed by CSSOM where the live picture was, so that nothing jumps.
  const box = shown.getBoundingClientRect();
  const frame = el.getBoundingClientRect();
  copy.style.left = `${box.left - frame.left}px`;
  copy.style.top = `${box.top - frame.top}px`;
  copy.style.width = `${box.width}px`;
  copy.style.height = `${box.height}px`;
  copy.getContext('2d')?.drawImage(shown, 0, 0);
  return copy;
}
