/** One way to talk to the REST API: JSON, CSRF header, RFC 9457 problems, and a hook for a login that has run out. */

/** What went wrong with a call, with words for the person in `message`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    message: string,
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    /** Stable code of the problem, such as `not-ready`; `unreachable` when no answer came. */
    readonly code: string,
    readonly title = '',
    readonly reference?: string,
    /** Seconds to wait before another try, from Retry-After. */
    readonly retryAfter?: number,
    /** Where the check of an uploaded plugin stopped. */
    readonly stage?: string,
    /** The rule that denied a file. */
    readonly rule?: string,
    /** What is wrong with fields of the body, by their names. */
    readonly fields: Record<string, string> = {},
  ) {
    super(message);
  }
}

let csrfToken = '';
let loginRequired: () => void = () => undefined;
let lostServer: () => void = () => undefined;

/** Remembers the token that unsafe requests carry. */
export function setCsrfToken(token: string): void {
  csrfToken = token;
}

export function getCsrfToken(): string {
  return csrfToken;
}

/** `handler` runs when a call finds that nobody is logged in any more. */
export function onLoginRequired(handler: () => void): void {
  loginRequired = handler;
}

/** `handler` runs when a call got no answer at all. */
export function onUnreachable(handler: () => void): void {
  lostServer = handler;
}

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** The caller shows the 401 itself (the login form, the first look at who is here). */
  quiet401?: boolean;
}

/** Calls `path` and gives the parsed JSON answer (`undefined` for an empty one). Throws `ApiError`, or `AbortError` when aborted. */
export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json', ...options.headers };
  const init: RequestInit = { method, headers, credentials: 'same-origin' };
  if (options.signal) init.signal = options.signal;
  if (options.body !== undefined) {
    headers['content-type'] = 'application/json';
    init.body = JSON.stringify(options.body);
  }
  if (method !== 'GET' && csrfToken !== '') headers['x-csrf-token'] = csrfToken;

  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    lostServer();
    throw unreachable();
  }
  if (!response.ok) throw await fail(response, options.quiet401 === true);
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** Reads a failed response and runs the login hook when the login is gone. */
export async function fail(response: Response, quiet401 = false): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  const error = problem(response.status, text, response.headers.get('retry-after'));
  if (error.status === 401 && error.code === 'login-required' && !quiet401) loginRequired();
  return error;
}

/** Turns the body of a failed answer into an error; any body will do, the person never sees raw HTML. */
export function problem(status: number, text: string, retryAfter: string | null = null): ApiError {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (parsed !== null && typeof parsed === 'object') body = parsed as Record<string, unknown>;
  } catch {
    // Not a problem document: the words for the status have to do.
  }
  const str = (key: string) => (typeof body[key] === 'string' && body[key] !== '' ? body[key] : undefined);
  const seconds = retryAfter === null ? NaN : Number(retryAfter);
  return new ApiError(
    str('detail') ?? str('title') ?? wordsFor(status),
    status,
    str('code') ?? `http-${status}`,
    str('title'),
    str('reference'),
    Number.isFinite(seconds) ? seconds : undefined,
    str('stage'),
    str('rule'),
    wrongFields(body.fields),
  );
}

function wrongFields(list: unknown): Record<string, string> {
  const fields: Record<string, string> = {};
  if (!Array.isArray(list)) return fields;
  for (const one of list as unknown[]) {
    if (one === null || typeof one !== 'object') continue;
    const { name, detail } = one as Record<string, unknown>;
    if (typeof name === 'string' && typeof detail === 'string') fields[name] = detail;
  }
  return fields;
}

/** The error of a call that got no answer at all. */
export function unreachable(): ApiError {
  return new ApiError('The server can’t be reached. Check your network and try again.', 0, 'unreachable');
}

function wordsFor(status: number): string {
  if (status === 401) return 'Please log in again.';
  if (status === 403) return 'You may not do this.';
  if (status === 404) return 'This does not exist, or you may not see it.';
  if (status === 413) return 'That is too large for the server to accept.';
  if (status === 429) return 'Too many requests. Wait a moment and try again.';
  if (status >= 500) return 'The server had a problem. Try again in a moment.';
  return 'The server refused the request.';
}

/** Words for anything that was thrown. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) {
    return error.reference === undefined || error.message.includes(error.reference)
      ? error.message
      : `${error.message} Ref ${error.reference}.`;
  }
  return 'Something went wrong on this page. Reload it and try again.';
}

/** Whether this is a request that the page itself gave up on. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
