import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiError, call, errorText, onLoginRequired, problem, setCsrfToken } from '../src/api/client';

const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  vi.stubGlobal(
    'fetch',
    vi.fn(() =>
      Promise.resolve(new Response(status === 204 ? null : JSON.stringify(body), { status, headers })),
    ),
  );

afterEach(() => vi.unstubAllGlobals());

const failure = async (promise: Promise<unknown>): Promise<ApiError> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it did not fail');
};

describe('call', () => {
  it('sends the CSRF token with what changes something, and never with a read', async () => {
    answer(200, {});
    setCsrfToken('secret');
    await call('POST', '/x', { body: { a: 1 } });
    await call('GET', '/x');
    const sent = vi.mocked(fetch).mock.calls.map(([, init]) => init?.headers as Record<string, string>);
    expect(sent[0]).toMatchObject({ 'x-csrf-token': 'secret', 'content-type': 'application/json' });
    expect(sent[1]).not.toHaveProperty('x-csrf-token');
  });

  it('gives the words and the code of a problem', async () => {
    answer(409, { title: 'Conflict', detail: 'Not ready yet.', code: 'not-ready', reference: 'K7Q2' });
    const error = await failure(call('POST', '/x'));
    expect(error).toMatchObject({ status: 409, code: 'not-ready', message: 'Not ready yet.' });
    expect(errorText(error)).toBe('Not ready yet. Ref K7Q2.');
  });

  it('goes to the login when nobody is logged in, unless the caller shows it', async () => {
    const went = vi.fn();
    onLoginRequired(went);
    answer(401, { code: 'login-required' });
    await failure(call('GET', '/x', { quiet401: true }));
    expect(went).not.toHaveBeenCalled();
    await failure(call('GET', '/x'));
    expect(went).toHaveBeenCalledOnce();
    answer(401, { code: 'bad-credentials' });
    await failure(call('GET', '/x'));
    expect(went).toHaveBeenCalledOnce();
  });

  it('tells a server that can’t be reached from one that refuses', async () => {
    vi.stubGlobal(
      'fetch',
      vi.fn(() => Promise.reject(new TypeError('network'))),
    );
    expect(await failure(call('GET', '/x'))).toMatchObject({ status: 0, code: 'unreachable' });
  });

  it('gives nothing for 204', async () => {
    answer(204, null);
    expect(await call('DELETE', '/x')).toBeUndefined();
  });
});

describe('problem', () => {
  it('never shows a page of a proxy in between', () => {
    const error = problem(502, '<html><h1>Bad gateway</h1></html>');
    expect(error.message).not.toContain('<');
    expect(error.code).toBe('http-502');
  });

  it('reads how long to wait, and the stage', () => {
    expect(problem(429, '{"code":"rate-limited"}', '42').retryAfter).toBe(42);
    expect(problem(429, '{}', 'Mon, 01 Jan 2035 00:00:00 GMT').retryAfter).toBeUndefined();
    expect(problem(422, '{"stage":"imports"}').stage).toBe('imports');
  });
});
