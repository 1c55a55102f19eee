package example.groundwork.client;

import example.groundwork.client.api.AuthApi;
import example.groundwork.client.api.UsersApi;
import example.groundwork.client.api.UsersApi.APIUsersListRequest;
import example.groundwork.client.http.ApiException;
import example.groundwork.client.http.ApiResponse;
import example.groundwork.client.model.FieldProblem;
import example.groundwork.client.model.ProfileUpdate;
import example.groundwork.client.model.RegisterRequest;
import example.groundwork.client.model.TokenPair;
import example.groundwork.client.model.User;
import example.groundwork.client.model.UserPage;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Runs the scenario that every client must pass: one method per step, all values from the data. */
final class Scenario {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    /** Runs one step of the data. */
    private interface Step {
        void run(JsonNode step) throws Exception;
    }

    /** A call of the client. */
    private interface Call {
        void run() throws ApiException;
    }

    private static final class Counter implements ClientObserver {
        private final AtomicInteger refreshes = new AtomicInteger();
        private final AtomicInteger retries = new AtomicInteger();

        @Override
        public void refreshed() {
            refreshes.incrementAndGet();
        }

        @Override
        public void retrying(String method, URI uri, int status, Duration wait) {
            retries.incrementAndGet();
        }
    }

    private final Map<String, Step> functions = new LinkedHashMap<>();
    private final JsonNode scenario;
    private final String control;
    private final Counter counter = new Counter();
    private final Groundwork service;
    private final AuthApi anonymous;
    private @Nullable Session user;
    private @Nullable Session admin;

    private Scenario(JsonNode scenario, String url, String control) {
        this.scenario = scenario;
        this.control = control;
        service = new Groundwork(url, HTTP, counter);
        anonymous = new AuthApi(service.anonymous());
        functions.put("register", this::register);
        functions.put("duplicate", this::duplicate);
        functions.put("invalid", this::invalid);
        functions.put("login", this::login);
        functions.put("me", this::me);
        functions.put("patch_absent", this::patchAbsent);
        functions.put("patch_null", this::patchNull);
        functions.put("forbidden", this::forbidden);
        functions.put("pages", this::pages);
        functions.put("not_found", this::notFound);
        functions.put("expired_token", this::expiredToken);
        functions.put("rate_limited", this::rateLimited);
        functions.put("logout", this::logout);
    }

    public static void main(String[] arguments) throws Exception {
        JsonNode scenario = JSON.readTree(Files.readString(Path.of(environment("GROUNDWORK_SCENARIO"))));
        new Scenario(scenario, environment("GROUNDWORK_URL"), environment("GROUNDWORK_CONTROL")).run();
    }

    private static String environment(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalStateException(name + " is not set");
        }
        return value;
    }

    private void run() throws Exception {
        Set<String> steps = new LinkedHashSet<>();
        scenario.required("steps").forEach(step -> steps.add(step.required("step").stringValue()));
        check(steps.equals(functions.keySet()), "the data has " + steps + ", this runner " + functions.keySet());
        for (JsonNode step : scenario.required("steps")) {
            String name = step.required("step").stringValue();
            functions.get(name).run(step);
            System.out.println("step " + name);
        }
    }

    private void register(JsonNode step) throws ApiException {
        ApiResponse<User> answer = anonymous.authRegisterWithHttpInfo(registration(scenario.required("user")));
        User made = answer.getData();
        expect(step, Map.of(
                "status", answer.getStatusCode(),
                "email", made.getEmail(),
                "full_name", made.getFullName(),
                "is_superuser", made.getIsSuperuser()));
    }

    private void duplicate(JsonNode step) {
        ServiceError error = failure(() -> service.auth().register(registration(scenario.required("user"))));
        expect(step, Map.of("status", error.status(), "error", error.code()));
    }

    private void invalid(JsonNode step) {
        ServiceError error = failure(() -> service.auth().register(registration(step.required("body"))));
        List<String> fields = error.fields().stream().map(FieldProblem::getField).sorted().toList();
        expect(step, Map.of("status", error.status(), "error", error.code(), "fields", fields));
    }

    private void login(JsonNode step) throws ApiException {
        user = open(scenario.required("user"));
        TokenPair tokens = user.tokens().orElseThrow();
        expect(step, Map.of("token_type", tokens.getTokenType(), "expires_in", tokens.getExpiresIn()));
    }

    private void me(JsonNode step) throws ApiException {
        User me = user.users().me();
        expect(step, Map.of("email", me.getEmail(), "full_name", me.getFullName()));
    }

    private void patchAbsent(JsonNode step) throws ApiException {
        User me = user.users().meUpdate(new ProfileUpdate());
        expect(step, Collections.singletonMap("full_name", me.getFullName()));
    }

    private void patchNull(JsonNode step) throws ApiException {
        User me = user.users().meUpdate(new ProfileUpdate().fullName(null));
        expect(step, Collections.singletonMap("full_name", me.getFullName()));
    }

    private void forbidden(JsonNode step) {
        ServiceError error = failure(() -> user.users().list().toList());
        expect(step, Map.of("status", error.status(), "error", error.code()));
    }

    private void pages(JsonNode step) throws ApiException {
        admin = open(scenario.required("seed").required("admin"));
        UsersApi users = new UsersApi(admin.apiClient());
        AtomicInteger calls = new AtomicInteger();
        APIUsersListRequest.Builder request = APIUsersListRequest.newBuilder()
                .limit(step.required("limit").intValue())
                .email(step.required("email").stringValue());
        Pages.Fetch<UserPage> fetch = pageToken -> {
            calls.incrementAndGet();
            return users.usersList(request.pageToken(pageToken).build());
        };
        List<Long> ids = Pages.stream(fetch, UserPage::getItems, UserPage::getNextPage).map(User::getId).toList();
        List<Long> same = admin.users()
                .list(query -> query.limit(step.required("limit").intValue())
                        .email(step.required("email").stringValue()))
                .map(User::getId)
                .toList();
        check(ids.equals(same), "by resource the ids are " + same + " instead of " + ids);
        check(ids.equals(ids.stream().sorted().distinct().toList()), "the ids do not ascend: " + ids);
        expect(step, Map.of("count", ids.size(), "calls", calls.get()));
    }

    private void notFound(JsonNode step) {
        ServiceError error = failure(() -> admin.users().get(step.required("id").longValue()));
        expect(step, Map.of("status", error.status(), "error", error.code()));
    }

    private void expiredToken(JsonNode step) throws Exception {
        advance(step.required("advance_seconds").intValue());
        int refreshesBefore = counter.refreshes.get();
        int parallel = step.required("parallel").intValue();
        Callable<User> me = user.users()::me;
        ExecutorService threads = Executors.newFixedThreadPool(parallel);
        try {
            for (Future<User> answer : threads.invokeAll(Collections.nCopies(parallel, me))) {
                int refreshes = counter.refreshes.get() - refreshesBefore;
                expect(step, Map.of("email", answer.get().getEmail(), "refreshes", refreshes));
            }
        } finally {
            threads.shutdown();
        }
    }

    private void rateLimited(JsonNode step) throws Exception {
        int retriesBefore = counter.retries.get();
        for (int i = 0; i < step.required("first").intValue(); i++) {
            user.auth().me();
        }
        advance(step.required("advance_seconds").intValue());
        for (int i = 0; i < step.required("then").intValue(); i++) {
            user.auth().me();
        }
        expect(step, Map.of("retries", counter.retries.get() - retriesBefore));
    }

    /**
     * Calls the operation instead of the helper's logout, which would drop the tokens before the
     * service refuses them.
     */
    private void logout(JsonNode step) throws ApiException {
        user.auth().logout();
        ServiceError error = failure(() -> user.users().me());
        expect(step, Map.of("status", error.status(), "error", error.code()));
        check(user.tokens().isEmpty(), "the tokens of a session that is over are kept");
    }

    private Session open(JsonNode user) throws ApiException {
        return service.login(user.required("email").stringValue(), user.required("password").stringValue());
    }

    private static RegisterRequest registration(JsonNode body) {
        return JSON.treeToValue(body, RegisterRequest.class);
    }

    private void advance(int seconds) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(control + "/advance?seconds=" + seconds))
                .POST(HttpRequest.BodyPublishers.noBody())
                .build();
        int status = HTTP.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
        check(status == 204, "the clock was not moved: " + status);
    }

    private static ServiceError failure(Call call) {
        try {
            call.run();
        } catch (ApiException | UncheckedApiException failure) {
            return ServiceError.of(failure);
        }
        throw new AssertionError("the call succeeded");
    }

    /** Compares all values: an expected value that was not checked fails too. */
    private static void expect(JsonNode step, Map<String, ?> actual) {
        JsonNode expected = step.required("expect");
        JsonNode seen = JSON.readTree(JSON.writeValueAsString(actual));
        check(expected.equals(seen), step.required("step") + ": expected " + expected + ", got " + seen);
    }

    private static void check(boolean condition, String message) {
        if (!condition) {
            throw new AssertionError(message);
        }
    }
}
