/**
 * Adds to the generated client: sessions that refresh themselves, retries, typed errors and pages.
 * Start with {@link example.groundwork.client.Groundwork}.
 */
@NullMarked
package example.groundwork.client;

import org.jspecify.annotations.NullMarked;
