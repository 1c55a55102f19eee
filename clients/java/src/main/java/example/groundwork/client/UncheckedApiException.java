package example.groundwork.client;

import example.groundwork.client.http.ApiException;

/** Wraps an {@link ApiException}, its cause, because a stream cannot throw checked exceptions. */
public final class UncheckedApiException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UncheckedApiException(ApiException cause) {
        super(cause.getMessage(), cause);
    }
}
