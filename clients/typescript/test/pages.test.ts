import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApi, eachItem } from 'groundwork-client';
import { ADA, BASE_URL, json } from './fake-service.js';

const PAGES: Record<string, object> = {
  '?email=a&limit=2': { items: [{ ...ADA, id: 1 }, { ...ADA, id: 2 }], next_page: 'second' },
  '?email=a&limit=2&page_token=second': { items: [{ ...ADA, id: 3 }], next_page: null },
};

function listing() {
  const queries: string[] = [];
  const fetch = async (request: Request) => {
    const { search } = new URL(request.url);
    queries.push(search);
    return json(200, PAGES[search] ?? {});
  };
  const api = createApi({ baseUrl: BASE_URL, fetch });
  const users = eachItem((page) => api.GET('/api/v1/users', { params: { query: { email: 'a', limit: 2, ...page } } }));
  return { users, queries };
}

test('all pages are followed, with the same filters', async () => {
  const { users, queries } = listing();
  const ids: number[] = [];
  for await (const user of users) ids.push(user.id);
  assert.deepEqual(ids, [1, 2, 3]);
  assert.deepEqual(queries, Object.keys(PAGES));
});

test('a page is asked for when it is needed', async () => {
  const { users, queries } = listing();
  assert.deepEqual(queries, []);
  for await (const user of users) if (user.id === 2) break;
  assert.equal(queries.length, 1);
});
