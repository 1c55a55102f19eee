    /// Reading {{ many }}.
    {{ plural_pascal }}Read = "{{ plural }}:read";
    /// Changing {{ many }}.
    {{ plural_pascal }}Write = "{{ plural }}:write";
