    /// {{ "The " ~ many ~ " of the caller" if owned else Many ~ ", for superusers" }}.
    #[oai(rename = "{{ plural }}")]
    {{ plural_pascal }},
