package example.groundwork.client;

import example.groundwork.client.api.AuthApi;
import example.groundwork.client.http.ApiClient;
import example.groundwork.client.http.ApiException;
import example.groundwork.client.model.LoginRequest;
import example.groundwork.client.model.TokenPair;
import java.net.http.HttpClient;
import java.time.Duration;

/**
 * A Groundwork service at an address. It makes the {@link ApiClient}s that the generated classes, such as
 * {@code UsersApi}, are constructed with. Thread-safe.
 */
public final class Groundwork {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);

    /** Twice the service's own limit by default (REQUEST_TIMEOUT), so that its answer comes first. */
    private static final Duration READ_TIMEOUT = Duration.ofSeconds(30);

    private final String baseUrl;
    private final HttpClient http;
    private final ClientObserver observer;

    /** @param baseUrl where the service is, such as {@code http://localhost:8000} */
    public Groundwork(String baseUrl) {
        this(baseUrl, HttpClient.newBuilder().connectTimeout(CONNECT_TIMEOUT).build(), new ClientObserver() {});
    }

    /**
     * @param baseUrl where the service is, such as {@code http://localhost:8000}
     * @param http sends the requests: the place for a proxy or a certificate of your own
     * @param observer is told of every retry and refresh
     */
    public Groundwork(String baseUrl, HttpClient http, ClientObserver observer) {
        this.baseUrl = baseUrl.replaceFirst("/+$", "");
        this.http = new RetryingHttpClient(http, observer);
        this.observer = observer;
    }

    /** A client without a session, for the operations that need none. It repeats what the service asks to repeat. */
    public ApiClient anonymous() {
        return apiClient(http);
    }

    /** Logs in. The password is not kept. */
    public Session login(String email, String password) throws ApiException {
        LoginRequest credentials = new LoginRequest().email(email).password(password);
        return resume(new AuthApi(anonymous()).authLogin(credentials));
    }

    /** Goes on with a session whose {@linkplain Session#tokens() tokens} were kept elsewhere. */
    public Session resume(TokenPair tokens) {
        return new Session(this, tokens);
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
