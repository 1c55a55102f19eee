import { type Result, unwrap } from './errors.js';

/** The result of every list operation. */
export interface Page<Item> {
  items: Item[];
  next_page: string | null;
}

/** The query parameters that select a page; empty for the first page. */
export interface PageQuery {
  page_token?: string;
}

/**
 * All items of a list. Each page is requested when its first item is needed. `list` is called once
 * per page: it adds `page` to its query, with the same filters each time.
 *
 * @throws {GroundworkError} if the service returns an error.
 */
export async function* eachItem<Item>(
  list: (page: PageQuery) => Promise<Result<Page<Item>>>,
): AsyncGenerator<Item, void, undefined> {
  let query: PageQuery | undefined = {};
  while (query) {
    const page: Page<Item> = await unwrap(list(query));
    yield* page.items;
    query = page.next_page === null ? undefined : { page_token: page.next_page };
  }
}
