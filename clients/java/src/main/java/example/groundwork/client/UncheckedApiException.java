package example.groundwork.client;

import example.groundwork.client.http.ApiException;

/** An {@link ApiException} out of a stream, which cannot throw checked exceptions; it is the cause. */
public final class UncheckedApiException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UncheckedApiException(ApiException cause) {
        super(cause.getMessage(), cause);
    }
}
