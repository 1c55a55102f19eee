@org.jspecify.annotations.NullMarked
package example.groundwork.client.model;
