package example.groundwork.client;

import example.groundwork.client.api.AuthApi;
import example.groundwork.client.http.ApiClient;
import example.groundwork.client.http.ApiException;
import example.groundwork.client.model.RefreshRequest;
import example.groundwork.client.model.TokenPair;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Optional;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The session of a logged-in user. Its calls, such as {@code session.users().me()}, send the
 * access token. When it has expired, the refresh token is exchanged once, however many calls wait
 * for it, and the calls are repeated. Thread-safe.
 */
public final class Session extends Resources {
    private final ApiClient apiClient;
    private final AuthApi anonymousAuth;
    private final ClientObserver observer;

    /** Held while the refresh token is exchanged, because using it twice would end the session. */
    private final Lock exchanging = new ReentrantLock();

    /** Null once the session is over. */
    private volatile @Nullable TokenPair tokens;

    Session(Groundwork service, TokenPair tokens) {
        this.apiClient = service.apiClient(new BearerHttpClient(service.http()));
        this.anonymousAuth = new AuthApi(service.anonymous());
        this.observer = service.observer();
        this.tokens = tokens;
    }

    /** The client for the generated classes: {@code new UsersApi(session.apiClient())}. */
    public ApiClient apiClient() {
        return apiClient;
    }

    @Override
    ApiClient sender() {
        return apiClient;
    }

    /**
     * The current tokens, which can be stored for {@link Groundwork#resume}; empty once the session
     * is over.
     */
    public Optional<TokenPair> tokens() {
        return Optional.ofNullable(tokens);
    }

    /**
     * Ends the session in the service and drops the tokens. It does not fail if the session is over
     * already.
     */
    public void logout() throws ApiException {
        try {
            new AuthApi(apiClient).authLogout();
        } catch (ApiException failure) {
            if (failure.getCode() != HttpURLConnection.HTTP_UNAUTHORIZED) {
                throw failure;
            }
        }
        exchanging.lock();
        try {
            tokens = null;
        } finally {
            exchanging.unlock();
        }
    }

    /**
     * The tokens that replace {@code stale}. Exchanges them unless another call has done so; null
     * if refused.
     */
    private @Nullable TokenPair replacement(TokenPair stale) throws IOException, InterruptedException {
        exchanging.lockInterruptibly();
        try {
            if (tokens == stale) {
                tokens = exchange(stale);
            }
            return tokens;
        } finally {
            exchanging.unlock();
        }
    }

    /**
     * Null if the service refuses. Throws any other failure, after which {@code stale} can be tried
     * again.
     */
    private @Nullable TokenPair exchange(TokenPair stale) throws IOException {
        try {
            TokenPair fresh = anonymousAuth.authRefresh(new RefreshRequest().refreshToken(stale.getRefreshToken()));
            observer.refreshed();
            return fresh;
        } catch (ApiException failure) {
            if (failure.getCode() == HttpURLConnection.HTTP_UNAUTHORIZED) {
                return null;
            }
            throw new IOException("the session could not be refreshed", failure);
        }
    }

    private final class BearerHttpClient extends DelegatingHttpClient {
        BearerHttpClient(HttpClient delegate) {
            super(delegate);
        }

        @Override
        public <T> HttpResponse<T> send(HttpRequest request, HttpResponse.BodyHandler<T> handler)
                throws IOException, InterruptedException {
            TokenPair used = tokens;
            if (used == null) {
                return delegate.send(request, handler);
            }
            HttpResponse<T> response = delegate.send(withBearer(request, used), handler);
            if (!refusesToken(response)) {
                return response;
            }
            TokenPair fresh;
            try {
                fresh = replacement(used);
            } catch (IOException | InterruptedException failure) {
                discard(response);
                throw failure;
            }
            if (fresh == null) {
                return response;
            }
            discard(response);
            return delegate.send(withBearer(request, fresh), handler);
        }

        private static HttpRequest withBearer(HttpRequest request, TokenPair tokens) {
            return HttpRequest.newBuilder(request, (name, value) -> true)
                    .setHeader("Authorization", "Bearer " + tokens.getAccessToken())
                    .build();
        }

        /**
         * Checks the header, which repeats the error code (RFC 6750), and leaves the body to the
         * caller.
         */
        private static boolean refusesToken(HttpResponse<?> response) {
            return response.statusCode() == HttpURLConnection.HTTP_UNAUTHORIZED
                    && response.headers().allValues("WWW-Authenticate").stream()
                            .anyMatch(challenge -> challenge.contains("error=\"invalid_token\""));
        }
    }
}
