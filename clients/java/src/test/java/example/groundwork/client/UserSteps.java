package example.groundwork.client;

import static example.groundwork.client.ScenarioWorld.check;
import static example.groundwork.client.ScenarioWorld.expect;
import static example.groundwork.client.ScenarioWorld.expectError;
import static example.groundwork.client.ScenarioWorld.failure;
import static example.groundwork.client.ScenarioWorld.registration;

import example.groundwork.client.api.AuthApi;
import example.groundwork.client.api.UsersApi;
import example.groundwork.client.api.UsersApi.APIUsersListRequest;
import example.groundwork.client.http.ApiException;
import example.groundwork.client.http.ApiResponse;
import example.groundwork.client.model.FieldProblem;
import example.groundwork.client.model.ProfileUpdate;
import example.groundwork.client.model.TokenPair;
import example.groundwork.client.model.User;
import example.groundwork.client.model.UserPage;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import tools.jackson.databind.JsonNode;

/** The steps of users: registration, login, profiles, lists, expiry and logout. */
final class UserSteps {
    private final ScenarioWorld world;

    UserSteps(ScenarioWorld world) {
        this.world = world;
    }

    void register(JsonNode step) throws ApiException {
        AuthApi anonymous = new AuthApi(world.service.anonymous());
        ApiResponse<User> answer =
                anonymous.authRegisterWithHttpInfo(registration(world.scenario.required("user")));
        User made = answer.getData();
        expect(step, Map.of(
                "status", answer.getStatusCode(),
                "email", made.getEmail(),
                "full_name", made.getFullName(),
                "is_superuser", made.getIsSuperuser()));
    }

    void duplicate(JsonNode step) {
        expectError(step, () -> world.service.auth().register(registration(world.scenario.required("user"))));
    }

    void invalid(JsonNode step) {
        ServiceError error = failure(() -> world.service.auth().register(registration(step.required("body"))));
        List<String> fields = error.fields().stream().map(FieldProblem::getField).sorted().toList();
        expect(step, Map.of("status", error.status(), "error", error.code(), "fields", fields));
    }

    void login(JsonNode step) throws ApiException {
        world.user = world.anotherSession();
        TokenPair tokens = world.user.tokens().orElseThrow();
        expect(step, Map.of("token_type", tokens.getTokenType(), "expires_in", tokens.getExpiresIn()));
    }

    void me(JsonNode step) throws ApiException {
        User me = world.user.users().me();
        expect(step, Map.of("email", me.getEmail(), "full_name", me.getFullName()));
    }

    void patchAbsent(JsonNode step) throws ApiException {
        User me = world.user.users().meUpdate(new ProfileUpdate());
        expect(step, Collections.singletonMap("full_name", me.getFullName()));
    }

    void patchNull(JsonNode step) throws ApiException {
        User me = world.user.users().meUpdate(new ProfileUpdate().fullName(null));
        expect(step, Collections.singletonMap("full_name", me.getFullName()));
    }

    void forbidden(JsonNode step) {
        expectError(step, () -> world.user.users().list().toList());
    }

    void pages(JsonNode step) throws ApiException {
        world.admin = world.open(world.scenario.required("seed").required("admin"));
        UsersApi users = new UsersApi(world.admin.apiClient());
        AtomicInteger calls = new AtomicInteger();
        APIUsersListRequest.Builder request = APIUsersListRequest.newBuilder()
                .limit(step.required("limit").intValue())
                .email(step.required("email").stringValue());
        Pages.Fetch<UserPage> fetch = pageToken -> {
            calls.incrementAndGet();
            return users.usersList(request.pageToken(pageToken).build());
        };
        List<Long> ids = Pages.stream(fetch, UserPage::getItems, UserPage::getNextPage).map(User::getId).toList();
        List<Long> same = world.admin.users()
                .list(query -> query.limit(step.required("limit").intValue())
                        .email(step.required("email").stringValue()))
                .map(User::getId)
                .toList();
        check(ids.equals(same), "by resource the ids are " + same + " instead of " + ids);
        check(ids.equals(ids.stream().sorted().distinct().toList()), "the ids do not ascend: " + ids);
        expect(step, Map.of("count", ids.size(), "calls", calls.get()));
    }

    void sortedPages(JsonNode step) {
        AtomicInteger calls = new AtomicInteger();
        UsersApi users = new UsersApi(world.admin.apiClient());
        APIUsersListRequest.Builder request = APIUsersListRequest.newBuilder()
                .limit(step.required("limit").intValue())
                .email(step.required("email").stringValue())
                .sort(step.required("sort").stringValue());
        Pages.Fetch<UserPage> fetch = pageToken -> {
            calls.incrementAndGet();
            return users.usersList(request.pageToken(pageToken).build());
        };
        List<Long> ids = Pages.stream(fetch, UserPage::getItems, UserPage::getNextPage).map(User::getId).toList();
        List<Long> sorted = ids.stream().distinct().sorted(Comparator.reverseOrder()).toList();
        check(ids.equals(sorted), "the ids do not descend: " + ids);
        expect(step, Map.of("count", ids.size(), "calls", calls.get()));
    }

    void notFound(JsonNode step) {
        expectError(step, () -> world.admin.users().get(step.required("id").longValue()));
    }

    void expiredToken(JsonNode step) throws Exception {
        world.advance(step.required("advance_seconds").intValue());
        int refreshesBefore = world.refreshes.get();
        int parallel = step.required("parallel").intValue();
        Callable<User> me = world.user.users()::me;
        ExecutorService threads = Executors.newFixedThreadPool(parallel);
        try {
            for (Future<User> answer : threads.invokeAll(Collections.nCopies(parallel, me))) {
                int refreshes = world.refreshes.get() - refreshesBefore;
                expect(step, Map.of("email", answer.get().getEmail(), "refreshes", refreshes));
            }
        } finally {
            threads.shutdown();
        }
    }

    void rateLimited(JsonNode step) throws Exception {
        int retriesBefore = world.retries.get();
        for (int i = 0; i < step.required("first").intValue(); i++) {
            world.user.auth().me();
        }
        world.advance(step.required("advance_seconds").intValue());
        for (int i = 0; i < step.required("then").intValue(); i++) {
            world.user.auth().me();
        }
        expect(step, Map.of("retries", world.retries.get() - retriesBefore));
    }

    /**
     * Calls the operation instead of the helper's logout, which would drop the tokens before the
     * service refuses them.
     */
    void logout(JsonNode step) throws ApiException {
        world.user.auth().logout();
        expectError(step, () -> world.user.users().me());
        check(world.user.tokens().isEmpty(), "the tokens of a session that is over are kept");
    }
}
