package example.groundwork.client;

import example.groundwork.client.ScenarioWorld.Step;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/** Runs the scenario that every client must pass: one method per step, all values from the data. */
final class Scenario {
    private final Map<String, Step> functions = new LinkedHashMap<>();
    private final ScenarioWorld world;

    private Scenario(ScenarioWorld world) {
        this.world = world;
        UserSteps users = new UserSteps(world);
        AccessSteps access = new AccessSteps(world);
        WriteSteps writes = new WriteSteps(world);
        WebhookSteps webhooks = new WebhookSteps(world);
        functions.put("register", users::register);
        functions.put("duplicate", users::duplicate);
        functions.put("invalid", users::invalid);
        functions.put("login", users::login);
        functions.put("me", users::me);
        functions.put("patch_absent", users::patchAbsent);
        functions.put("patch_null", users::patchNull);
        functions.put("forbidden", users::forbidden);
        functions.put("pages", users::pages);
        functions.put("not_found", users::notFound);
        functions.put("sorted_pages", users::sortedPages);
        functions.put("api_key", access::apiKey);
        functions.put("insufficient_scope", access::insufficientScope);
        functions.put("deleted_api_key", access::deletedApiKey);
        functions.put("sessions", access::sessions);
        functions.put("revoked_session", access::revokedSession);
        functions.put("logout_all", access::logoutAll);
        functions.put("lost_response", writes::lostResponse);
        functions.put("own_key", writes::ownKey);
        functions.put("reused_key", writes::reusedKey);
        functions.put("fresh_etag", writes::freshEtag);
        functions.put("stale_etag", writes::staleEtag);
        functions.put("webhook", webhooks::webhook);
        functions.put("rotated_secret", webhooks::rotatedSecret);
        functions.put("expired_token", users::expiredToken);
        functions.put("rate_limited", users::rateLimited);
        functions.put("logout", users::logout);
    }

    public static void main(String[] arguments) throws Exception {
        JsonNode scenario = ScenarioWorld.JSON.readTree(Files.readString(Path.of(environment("GROUNDWORK_SCENARIO"))));
        String url = environment("GROUNDWORK_URL");
        String control = environment("GROUNDWORK_CONTROL");
        new Scenario(new ScenarioWorld(scenario, url, control, environment("GROUNDWORK_RECEIVER"))).run();
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
        world.scenario.required("steps").forEach(step -> steps.add(step.required("step").stringValue()));
        ScenarioWorld.check(steps.equals(functions.keySet()), "the data has " + steps + ", this runner " + functions.keySet());
        for (JsonNode step : world.scenario.required("steps")) {
            String name = step.required("step").stringValue();
            functions.get(name).run(step);
            System.out.println("step " + name);
        }
    }
}
