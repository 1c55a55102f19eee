    /// {{ "The " ~ many ~ " of the caller" if owned else Many ~ ", for superusers" }}.
    {{ plural_pascal }},
