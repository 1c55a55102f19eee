import { type Result, unwrap } from './errors.js';

/** What every list operation answers with. */
export interface Page<Item> {
  items: Item[];
  next_page: string | null;
}

/** The part of the query that names a page; empty for the first. */
export interface PageQuery {
  page_token?: string;
}

/**
 * All items of a list, page after page; the next page is asked for when its first item is. `list` is called once a page
 * and puts `page` into its query, beside the same filters each time.
 *
 * @throws {GroundworkError} if the service answers with an error.
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
