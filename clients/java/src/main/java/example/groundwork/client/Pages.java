package example.groundwork.client;

import example.groundwork.client.http.ApiException;
import java.util.List;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/** Iterates over all pages of a list. */
public final class Pages {
    private Pages() {}

    /** Calls a list operation, always with the same filters. */
    @FunctionalInterface
    public interface Fetch<P> {
        /** @param pageToken the token of the page; null for the first one */
        P page(@Nullable String pageToken) throws ApiException;
    }

    /**
     * All items of a list, in order. A page is requested when the items before it have been
     * consumed. If a call fails, the stream throws an {@link UncheckedApiException}.
     *
     * <pre>{@code
     * Pages.stream(
     *         token -> users.usersList(APIUsersListRequest.newBuilder().isActive(true).pageToken(token).build()),
     *         UserPage::getItems,
     *         UserPage::getNextPage)
     * }</pre>
     */
    public static <P, T> Stream<T> stream(
            Fetch<P> fetch, Function<P, List<T>> items, Function<P, @Nullable String> nextPage) {
        return StreamSupport.stream(new PageSpliterator<>(fetch, nextPage), false)
                .flatMap(page -> items.apply(page).stream());
    }

    private static final class PageSpliterator<P> extends Spliterators.AbstractSpliterator<P> {
        private final Fetch<P> fetch;
        private final Function<P, @Nullable String> nextPage;
        private @Nullable String pageToken;
        private boolean finished;

        PageSpliterator(Fetch<P> fetch, Function<P, @Nullable String> nextPage) {
            super(Long.MAX_VALUE, Spliterator.ORDERED | Spliterator.NONNULL);
            this.fetch = fetch;
            this.nextPage = nextPage;
        }

        @Override
        public boolean tryAdvance(Consumer<? super P> action) {
            if (finished) {
                return false;
            }
            P page;
            try {
                page = fetch.page(pageToken);
            } catch (ApiException failure) {
                throw new UncheckedApiException(failure);
            }
            pageToken = nextPage.apply(page);
            finished = pageToken == null;
            action.accept(page);
            return true;
        }
    }
}
