/** A small router: the path is a signal, links are plain anchors. */
import { signal } from '@preact/signals';

export interface Place {
  path: string;
  query: URLSearchParams;
}

const here = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });

/** Where the page is. */
export const place = signal<Place>(here());

/** Goes to a path of this site. */
export function go(to: string, options: { replace?: boolean } = {}): void {
  if (options.replace === true) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  const samePage = here().path === place.value.path;
  place.value = here();
  if (!samePage) window.scrollTo(0, 0);
}

/** Follows back, forward and every click on an anchor of this site. Returns the undo. */
export function startRouter(): () => void {
  const back = () => {
    place.value = here();
  };
  const click = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.target !== '' || link.hasAttribute('download')) return;
    const url = new URL(link.href, location.href);
    if (url.origin !== location.origin || url.pathname.startsWith('/api/')) return;
    // A link into the same page keeps the browser's own behaviour.
    if (url.hash !== '' && url.pathname === location.pathname) return;
    event.preventDefault();
    go(url.pathname + url.search);
  };
  window.addEventListener('popstate', back);
  document.addEventListener('click', click);
  return () => {
    window.removeEventListener('popstate', back);
    document.removeEventListener('click', click);
  };
}

/** Matches `path` against `/plugins/:name`; gives the named parts, decoded, or null. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split('/');
  const have = path.replace(/(.)\/$/, '$1').split('/');
  if (want.length !== have.length) return null;
  const parts: Record<string, string> = {};
  for (const [index, piece] of want.entries()) {
    const value = have[index] ?? '';
    if (piece.startsWith(':')) {
      if (value === '') return null;
      try {
        parts[piece.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (piece !== value) return null;
  }
  return parts;
}

/** A return path is only ever a path of this site: never `//host` or a scheme. */
export function safeReturn(next: string | null): string {
  if (next === null || !/^\/(?![/\\])/.test(next) || next.startsWith('/login')) return '/';
  return next;
}
