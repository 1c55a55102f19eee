package example.groundwork.client;

import static example.groundwork.client.ScenarioWorld.check;
import static example.groundwork.client.ScenarioWorld.creation;
import static example.groundwork.client.ScenarioWorld.expect;
import static example.groundwork.client.ScenarioWorld.expectError;

import example.groundwork.client.api.UsersApi;
import example.groundwork.client.http.ApiException;
import example.groundwork.client.model.User;
import example.groundwork.client.model.UserUpdate;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** The steps of idempotency keys and conditional requests. */
final class WriteSteps {
    private final ScenarioWorld world;

    WriteSteps(ScenarioWorld world) {
        this.world = world;
    }

    void lostResponse(JsonNode step) throws Exception {
        int retriesBefore = world.retries.get();
        world.loseResponse();
        User created = world.admin.users().create(creation(step));
        int retries = world.retries.get() - retriesBefore;
        String replayed = world.replayed.orElse("");
        long count = world.admin.users().list(query -> query.email(created.getEmail())).count();
        expect(step, Map.of("email", created.getEmail(), "retries", retries, "replayed", replayed, "count", count));
    }

    void ownKey(JsonNode step) throws ApiException {
        world.keyed = createWithKey(step);
        check(world.replayed.isEmpty(), "the first response is a replayed one");
        User again = createWithKey(step);
        Set<Long> ids = Stream.of(world.keyed, again).map(User::getId).collect(Collectors.toSet());
        expect(step, Map.of("users", ids.size(), "replayed", world.replayed.orElse("")));
    }

    void reusedKey(JsonNode step) {
        expectError(step, () -> createWithKey(step));
    }

    void freshEtag(JsonNode step) throws ApiException {
        // The generated method, because the step needs a header.
        Map<String, List<String>> headers = new UsersApi(world.admin.apiClient())
                .usersGetWithHttpInfo(world.keyed.getId())
                .getHeaders();
        world.etag = headers.get("etag").get(0);
        expect(step, Map.of("full_name", rename(step).getFullName()));
    }

    void staleEtag(JsonNode step) {
        expectError(step, () -> rename(step));
    }

    private User createWithKey(JsonNode step) throws ApiException {
        String key = step.required("idempotency_key").stringValue();
        return world.admin.users().create(creation(step), RequestHeaders.idempotencyKey(key));
    }

    /** Gives the user the name of the step if the ETag still matches. */
    private User rename(JsonNode step) throws ApiException {
        UserUpdate changes = new UserUpdate().fullName(step.required("full_name").stringValue());
        return world.admin.users().update(world.keyed.getId(), changes, RequestHeaders.ifMatch(world.etag));
    }
}
