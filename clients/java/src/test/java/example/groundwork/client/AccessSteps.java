package example.groundwork.client;

import static example.groundwork.client.ScenarioWorld.creation;
import static example.groundwork.client.ScenarioWorld.expect;
import static example.groundwork.client.ScenarioWorld.expectError;

import example.groundwork.client.http.ApiException;
import example.groundwork.client.model.ApiKeyCreate;
import example.groundwork.client.model.UserSession;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** The steps of API keys and sessions. */
final class AccessSteps {
    private final ScenarioWorld world;

    AccessSteps(ScenarioWorld world) {
        this.world = world;
    }

    void apiKey(JsonNode step) throws ApiException {
        ApiKeyCreate body = ScenarioWorld.JSON.treeToValue(step.required("key"), ApiKeyCreate.class);
        world.key = world.admin.apiKeys().create(body);
        String email = withKey().users().me().getEmail();
        expect(step, Map.of("scopes", world.key.getScopes(), "email", email));
    }

    void insufficientScope(JsonNode step) {
        expectError(step, () -> withKey().users().create(creation(step)));
    }

    void deletedApiKey(JsonNode step) throws ApiException {
        world.admin.apiKeys().delete(world.key.getId());
        expectError(step, () -> withKey().users().me());
    }

    void sessions(JsonNode step) throws ApiException {
        world.other = world.anotherSession();
        List<UserSession> sessions = world.user.auth().sessionsList().toList();
        List<UserSession> others = sessions.stream().filter(session -> !session.getIsCurrent()).toList();
        world.otherId = others.get(0).getId();
        expect(step, Map.of("count", sessions.size(), "current", sessions.size() - others.size()));
    }

    void revokedSession(JsonNode step) throws ApiException {
        world.user.auth().sessionsRevoke(world.otherId);
        expectError(step, () -> world.other.users().me());
    }

    void logoutAll(JsonNode step) throws ApiException {
        Session other = world.anotherSession();
        world.user.auth().logoutAll();
        world.user.users().me();
        expectError(step, () -> other.users().me());
    }

    /** A client with the API key. */
    private ApiKeyClient withKey() {
        return world.service.withApiKey(world.key.getKey());
    }
}
