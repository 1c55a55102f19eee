package example.groundwork.client;

import static example.groundwork.client.ScenarioWorld.creation;
import static example.groundwork.client.ScenarioWorld.expect;

import example.groundwork.client.model.WebhookCreate;
import example.groundwork.client.model.WebhookWithSecret;
import java.net.http.HttpResponse;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.StreamSupport;
import tools.jackson.databind.JsonNode;

/** The steps of webhooks. */
final class WebhookSteps {
    private final ScenarioWorld world;

    WebhookSteps(ScenarioWorld world) {
        this.world = world;
    }

    void webhook(JsonNode step) throws Exception {
        List<String> events = StreamSupport.stream(step.required("events").spliterator(), false)
                .map(JsonNode::stringValue)
                .toList();
        world.webhook = world.admin.webhooks().create(new WebhookCreate().url(world.receiver).events(events));
        world.admin.users().create(creation(step));
        HttpResponse<byte[]> message = world.message();
        verify(world.webhook.getSecret(), message, message.body());
        JsonNode event = ScenarioWorld.JSON.readTree(message.body());
        byte[] changed = Arrays.copyOf(message.body(), message.body().length + 1);
        expect(step, Map.of(
                "type", event.required("type"),
                "email", event.required("data").required("email"),
                "changed", problem(world.webhook.getSecret(), message, changed)));
    }

    void rotatedSecret(JsonNode step) throws Exception {
        WebhookWithSecret rotated = world.admin.webhooks().rotateSecret(world.webhook.getId());
        world.admin.webhooks().test(world.webhook.getId());
        HttpResponse<byte[]> message = world.message();
        Set<String> secrets = Set.of(rotated.getSecret(), world.webhook.getSecret());
        for (String secret : secrets) {
            verify(secret, message, message.body());
        }
        JsonNode event = ScenarioWorld.JSON.readTree(message.body());
        expect(step, Map.of("type", event.required("type"), "secrets", secrets.size()));
    }

    private static void verify(String secret, HttpResponse<?> message, byte[] body) throws WebhookException {
        Webhooks.verify(secret, name -> message.headers().firstValue(name).orElse(null), body);
    }

    /** Why the message is refused with this body. */
    private static String problem(String secret, HttpResponse<?> message, byte[] body) {
        try {
            verify(secret, message, body);
        } catch (WebhookException refused) {
            return refused.problem().name().toLowerCase(Locale.ROOT);
        }
        throw new AssertionError("a changed message is accepted");
    }
}
