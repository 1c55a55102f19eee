package example.groundwork.client;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import java.util.Set;

/** Retries a request that was refused with 429 or 503, after the wait in Retry-After. */
final class RetryingHttpClient extends DelegatingHttpClient {
    private static final int MAX_RETRIES = 3;
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(60);

    private static final int TOO_MANY_REQUESTS = 429;
    private static final int SERVICE_UNAVAILABLE = 503;

    /** Without PATCH, which is not idempotent by RFC 9110. */
    private static final Set<String> IDEMPOTENT = Set.of("GET", "HEAD", "OPTIONS", "PUT", "DELETE");

    private final ClientObserver observer;

    RetryingHttpClient(HttpClient delegate, ClientObserver observer) {
        super(delegate);
        this.observer = observer;
    }

    @Override
    public <T> HttpResponse<T> send(HttpRequest request, HttpResponse.BodyHandler<T> handler)
            throws IOException, InterruptedException {
        HttpResponse<T> response = delegate.send(request, handler);
        for (int retries = 0; retries < MAX_RETRIES && mayBeRepeated(request, response); retries++) {
            Duration wait = retryAfter(response).orElse(Duration.ofSeconds(1L << retries));
            if (wait.compareTo(LONGEST_WAIT) > 0) {
                break;
            }
            discard(response);
            observer.retrying(request.method(), request.uri(), response.statusCode(), wait);
            Thread.sleep(wait.toMillis());
            response = delegate.send(request, handler);
        }
        return response;
    }

    /**
     * After a 429 nothing was done; after a 503 the request may have been carried out, which an idempotency key makes
     * harmless.
     */
    private static boolean mayBeRepeated(HttpRequest request, HttpResponse<?> response) {
        return switch (response.statusCode()) {
            case TOO_MANY_REQUESTS -> true;
            case SERVICE_UNAVAILABLE -> IDEMPOTENT.contains(request.method())
                    || request.headers().firstValue(RequestHeaders.IDEMPOTENCY_KEY).isPresent();
            default -> false;
        };
    }

    private static Optional<Duration> retryAfter(HttpResponse<?> response) {
        return response.headers().firstValue("Retry-After").flatMap(RetryingHttpClient::parseRetryAfter);
    }

    /** Parses seconds or an HTTP date; empty for anything else. */
    static Optional<Duration> parseRetryAfter(String value) {
        if (value.matches("\\d{1,9}")) {
            return Optional.of(Duration.ofSeconds(Long.parseLong(value)));
        }
        try {
            Instant then = DateTimeFormatter.RFC_1123_DATE_TIME.parse(value, Instant::from);
            Duration wait = Duration.between(Instant.now(), then);
            return Optional.of(wait.isNegative() ? Duration.ZERO : wait);
        } catch (DateTimeParseException neither) {
            return Optional.empty();
        }
    }
}
