package example.groundwork.client;

import example.groundwork.client.http.ApiException;
import example.groundwork.client.model.ApiKeyWithSecret;
import example.groundwork.client.model.RegisterRequest;
import example.groundwork.client.model.User;
import example.groundwork.client.model.UserCreate;
import example.groundwork.client.model.WebhookWithSecret;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the steps of the scenario share: its data, what earlier steps keep, and the counts. */
final class ScenarioWorld implements ClientObserver {
    static final JsonMapper JSON = JsonMapper.shared();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    /** Runs one step of the data. */
    interface Step {
        void run(JsonNode step) throws Exception;
    }

    /** A call of the client. */
    interface Call {
        void run() throws ApiException;
    }

    final JsonNode scenario;
    final Groundwork service;
    /** The address for a webhook whose messages {@link #message} returns. */
    final String receiver;

    private final String control;

    final AtomicInteger refreshes = new AtomicInteger();
    final AtomicInteger retries = new AtomicInteger();
    /** The header Idempotency-Replayed of the last response; empty if it had none. */
    volatile Optional<String> replayed = Optional.empty();

    @Nullable Session user;
    @Nullable Session admin;
    /** Another session of the user, and its ID. */
    @Nullable Session other;
    @Nullable String otherId;
    @Nullable ApiKeyWithSecret key;
    /** The user that a step creates with a key of its own, and its ETag before it is changed. */
    @Nullable User keyed;
    @Nullable String etag;
    @Nullable WebhookWithSecret webhook;

    ScenarioWorld(JsonNode scenario, String url, String control, String receiver) {
        this.scenario = scenario;
        this.control = control;
        this.receiver = receiver;
        service = new Groundwork(url, new ReplayNoting(), this);
    }

    @Override
    public void refreshed() {
        refreshes.incrementAndGet();
    }

    @Override
    public void retrying(String method, URI uri, int status, Duration wait) {
        retries.incrementAndGet();
    }

    /** Opens a session of this user of the data. */
    Session open(JsonNode user) throws ApiException {
        return service.login(user.required("email").stringValue(), user.required("password").stringValue());
    }

    /** Opens one more session of the user. */
    Session anotherSession() throws ApiException {
        return open(scenario.required("user"));
    }

    static RegisterRequest registration(JsonNode body) {
        return JSON.treeToValue(body, RegisterRequest.class);
    }

    /** The user that the step creates. */
    static UserCreate creation(JsonNode step) {
        return JSON.treeToValue(step.required("body"), UserCreate.class);
    }

    /** Moves the service's clock forward. */
    void advance(int seconds) throws IOException, InterruptedException {
        order("/advance?seconds=" + seconds);
    }

    /** Loses the next response to a request with an Idempotency-Key. */
    void loseResponse() throws IOException, InterruptedException {
        order("/lose");
    }

    /** The next webhook message: the headers and the body that its receiver gets. */
    HttpResponse<byte[]> message() throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(control + "/message")).build();
        HttpResponse<byte[]> message = HTTP.send(request, HttpResponse.BodyHandlers.ofByteArray());
        check(message.statusCode() == 200, "no message: " + message.statusCode());
        return message;
    }

    private void order(String path) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(control + path))
                .POST(HttpRequest.BodyPublishers.noBody())
                .build();
        int status = HTTP.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
        check(status == 204, path + ": " + status);
    }

    /** Fails unless the call fails as the step expects. */
    static void expectError(JsonNode step, Call call) {
        ServiceError error = failure(call);
        expect(step, Map.of("status", error.status(), "error", error.code()));
    }

    static ServiceError failure(Call call) {
        try {
            call.run();
        } catch (ApiException | UncheckedApiException failure) {
            return ServiceError.of(failure);
        }
        throw new AssertionError("the call succeeded");
    }

    /** Compares all values: an expected value that was not checked fails too. */
    static void expect(JsonNode step, Map<String, ?> actual) {
        JsonNode expected = step.required("expect");
        JsonNode seen = JSON.readTree(JSON.writeValueAsString(actual));
        check(expected.equals(seen), step.required("step") + ": expected " + expected + ", got " + seen);
    }

    static void check(boolean condition, String message) {
        if (!condition) {
            throw new AssertionError(message);
        }
    }

    private final class ReplayNoting extends DelegatingHttpClient {
        ReplayNoting() {
            super(HTTP);
        }

        @Override
        public <T> HttpResponse<T> send(HttpRequest request, HttpResponse.BodyHandler<T> handler)
                throws IOException, InterruptedException {
            HttpResponse<T> response = delegate.send(request, handler);
            replayed = response.headers().firstValue("Idempotency-Replayed");
            return response;
        }
    }
}
