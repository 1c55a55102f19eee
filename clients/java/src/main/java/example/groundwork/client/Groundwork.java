package example.groundwork.client;

import example.groundwork.client.api.AuthApi;
import example.groundwork.client.http.ApiClient;
import example.groundwork.client.http.ApiException;
import example.groundwork.client.model.LoginRequest;
import example.groundwork.client.model.TokenPair;
import java.net.http.HttpClient;
import java.time.Duration;

/**
 * A Groundwork service at an address. Its own calls, such as {@code service.auth().register(body)},
 * have no session. Thread-safe.
 */
public final class Groundwork extends Resources {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);

    /**
     * Twice the service's default REQUEST_TIMEOUT, so that a slow request gets the service's own
     * response.
     */
    private static final Duration READ_TIMEOUT = Duration.ofSeconds(30);

    private final String baseUrl;
    private final HttpClient http;
    private final ClientObserver observer;

    /** @param baseUrl the address of the service, such as {@code http://localhost:8000} */
    public Groundwork(String baseUrl) {
        this(baseUrl, HttpClient.newBuilder().connectTimeout(CONNECT_TIMEOUT).build(), new ClientObserver() {});
    }

    /**
     * @param baseUrl the address of the service, such as {@code http://localhost:8000}
     * @param http sends the requests; configure a proxy or your own certificates there
     * @param observer is notified of every retry and refresh
     */
    public Groundwork(String baseUrl, HttpClient http, ClientObserver observer) {
        this.baseUrl = baseUrl.replaceFirst("/+$", "");
        this.http = new RetryingHttpClient(http, observer);
        this.observer = observer;
    }

    /**
     * A client without a session, for operations that need none. It retries when the service asks
     * for it.
     */
    public ApiClient anonymous() {
        return apiClient(http);
    }

    /** Logs in. The password is not stored. */
    public Session login(String email, String password) throws ApiException {
        LoginRequest credentials = new LoginRequest().email(email).password(password);
        return resume(new AuthApi(anonymous()).authLogin(credentials));
    }

    /** Resumes a session whose {@linkplain Session#tokens() tokens} were stored. */
    public Session resume(TokenPair tokens) {
        return new Session(this, tokens);
    }

    /**
     * A client that sends an API key: {@code gwk_…}. A key needs no session and no refresh. A call
     * that the scopes of the key do not allow fails with {@code ErrorCode.INSUFFICIENT_SCOPE}.
     */
    public ApiKeyClient withApiKey(String key) {
        return new ApiKeyClient(this, key);
    }

    @Override
    ApiClient sender() {
        return anonymous();
    }

    HttpClient http() {
        return http;
    }

    ClientObserver observer() {
        return observer;
    }

    ApiClient apiClient(HttpClient sender) {
        ApiClient client = new ApiClient(HttpClient.newBuilder(), ApiClient.createDefaultObjectMapper(), baseUrl) {
            @Override
            public HttpClient getHttpClient() {
                return sender;
            }
        };
        return client.setReadTimeout(READ_TIMEOUT);
    }
}
