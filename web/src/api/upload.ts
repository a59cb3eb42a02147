/** Uploads a plugin file with progress, which `fetch` can't report. */
import { ApiError, getCsrfToken, problem, unreachable } from './client';
import { pluginsUrl } from './endpoints';
import type { Uploaded } from './types';

/** The server accepts plugins up to this size. */
export const MAX_PLUGIN_BYTES = 32 * 1024 * 1024;

export interface UploadHandle {
  done: Promise<Uploaded>;
  abort(): void;
}

/** Sends `file`; `progress` gets the share sent, 0 to 1. At 1 the server is still checking it. */
export function uploadPlugin(file: Blob, progress: (share: number) => void): UploadHandle {
  const xhr = new XMLHttpRequest();
  const done = new Promise<Uploaded>((resolve, reject) => {
    xhr.open('POST', pluginsUrl);
    xhr.setRequestHeader('content-type', 'application/wasm');
    xhr.setRequestHeader('accept', 'application/json');
    xhr.setRequestHeader('x-csrf-token', getCsrfToken());
    xhr.upload.addEventListener('progress', (event) => {
      if (event.lengthComputable && event.total > 0) progress(event.loaded / event.total);
    });
    xhr.addEventListener('load', () => {
      if (xhr.status < 200 || xhr.status > 299) {
        reject(problem(xhr.status, xhr.responseText, xhr.getResponseHeader('retry-after')));
        return;
      }
      try {
        resolve(JSON.parse(xhr.responseText) as Uploaded);
      } catch {
        reject(new ApiError('The server’s answer can’t be read.', xhr.status, 'bad-answer'));
      }
    });
    xhr.addEventListener('error', () => reject(unreachable()));
    xhr.addEventListener('abort', () => reject(new DOMException('Upload cancelled', 'AbortError')));
    xhr.send(file);
  });
  return { done, abort: () => xhr.abort() };
}
