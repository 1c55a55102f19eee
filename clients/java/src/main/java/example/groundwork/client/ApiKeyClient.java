package example.groundwork.client;

import example.groundwork.client.http.ApiClient;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/**
 * The service, called with an API key: {@code client.users().list()}. Thread-safe.
 */
public final class ApiKeyClient extends Resources {
    private final ApiClient apiClient;

    ApiKeyClient(Groundwork service, String key) {
        this.apiClient = service.apiClient(new KeyHttpClient(service.http(), key));
    }

    /** The client for the generated classes: {@code new UsersApi(client.apiClient())}. */
    public ApiClient apiClient() {
        return apiClient;
    }

    @Override
    ApiClient sender() {
        return apiClient;
    }

    private static final class KeyHttpClient extends DelegatingHttpClient {
        private final String key;

        KeyHttpClient(HttpClient delegate, String key) {
            super(delegate);
            this.key = key;
        }

        @Override
        public <T> HttpResponse<T> send(HttpRequest request, HttpResponse.BodyHandler<T> handler)
                throws IOException, InterruptedException {
            HttpRequest authorized = HttpRequest.newBuilder(request, (name, value) -> true)
                    .setHeader("Authorization", "Bearer " + key)
                    .build();
            return delegate.send(authorized, handler);
        }
    }
}
