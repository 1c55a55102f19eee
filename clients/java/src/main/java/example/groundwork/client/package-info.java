/**
 * What the generated client does not bring: sessions that refresh themselves, retries, typed errors and pages.
 * Start with {@link example.groundwork.client.Groundwork}.
 */
@NullMarked
package example.groundwork.client;

import org.jspecify.annotations.NullMarked;
