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

/**
 * A list: all its items, page by page, with `for await`, or one page at a time with
 * {@link Pager.page}.
 */
export class Pager<Item> implements AsyncIterable<Item> {
  readonly #list: (page: PageQuery) => Promise<Result<Page<Item>>>;

  /** `list` adds its argument to the query, with the same filters each time. */
  constructor(list: (page: PageQuery) => Promise<Result<Page<Item>>>) {
    this.#list = list;
  }

  /**
   * One page: the first one, or the one that a page before it named as `next_page`.
   *
   * @throws {GroundworkError} if the service returns an error.
   */
  page(token?: string): Promise<Page<Item>> {
    return unwrap(this.#list(token === undefined ? {} : { page_token: token }));
  }

  [Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    return eachItem(this.#list);
  }
}
