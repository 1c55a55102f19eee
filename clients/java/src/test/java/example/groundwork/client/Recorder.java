package example.groundwork.client;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Records retries and refreshes. */
final class Recorder implements ClientObserver {
    final List<String> events = new CopyOnWriteArrayList<>();

    @Override
    public void refreshed() {
        events.add("refreshed");
    }

    @Override
    public void retrying(String method, URI uri, int status, Duration wait) {
        events.add(method + " " + uri.getPath() + " " + status + " after " + wait.toSeconds() + " s");
    }
}
