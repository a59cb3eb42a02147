/** Ties calls to the paths, methods and answers of the API's own description. Types only. */
import { call, type CallOptions } from './client';
import type { paths } from './schema';

type Method = 'get' | 'post' | 'put' | 'delete';
type Path = keyof paths;

type Json<R> = R extends { content: { 'application/json': infer T } } ? T : undefined;
type Success<R> = R extends object ? Json<R[keyof R & (200 | 201 | 202 | 204)]> : never;

/** What a successful call answers with. */
export type Answer<P extends Path, M extends Method> =
  paths[P] extends Record<M, { responses: infer R }> ? Success<R> : never;

/** The paths that know `M`. */
type With<M extends Method> = { [P in Path]: paths[P] extends Record<M, object> ? P : never }[Path];

type Names<P extends string> = P extends `${string}{${infer N}}${infer Rest}` ? N | Names<Rest> : never;

/** A path with its parts filled in, each of them encoded. */
export function fill<P extends Path>(path: P, parts: Record<Names<P>, string>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: Names<P>) => encodeURIComponent(parts[name]));
}

interface Options<P extends string> extends CallOptions {
  parts?: Record<Names<P>, string>;
  query?: URLSearchParams;
}

function request<M extends Method>(method: M) {
  return <P extends With<M>>(path: P, options: Options<P> = {}): Promise<Answer<P, M>> => {
    const { parts, query, ...rest } = options;
    const url = fill(path, parts ?? ({} as Record<Names<P>, string>));
    const search = query?.toString() ?? '';
    return call<Answer<P, M>>(method.toUpperCase(), search === '' ? url : `${url}?${search}`, rest);
  };
}

export const get = request('get');
export const post = request('post');
export const put = request('put');
export const del = request('delete');
