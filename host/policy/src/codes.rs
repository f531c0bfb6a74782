//! Every code a document can be refused with, in one table. A code never changes its meaning and is never given again.
//!
//! `P10x` the text, `P11x` single values, `P12x` documents and what they say of one another, `P13x` connectors,
//! `P14x` routes, `P15x` conditions, `P16x` modules, `P17x` rollouts.

macro_rules! codes {
    ($($name:ident $code:literal $means:literal)*) => {
        $(#[doc = $means] pub const $name: &str = $code;)*

        /// Code and meaning of each, in order of the codes.
        pub const CODES: &[(&str, &str)] = &[$(($code, $means)),*];
    };
}

/// What a code means, where it is one of documents.
pub fn meaning(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, means)| *means)
}

codes! {
    TEXT_TOO_LARGE "P100" "The file is larger than a file of documents may be (1 MiB)."
    NOT_YAML "P101" "The text is neither YAML nor JSON. Other documents of the same file are still read."
    GIVEN_TWICE "P102" "A key stands twice in one mapping, or a value twice in a list of different ones; one of them would be lost."
    UNKNOWN_KEY "P103" "This key means nothing here; a setting that is ignored is worse than one that is refused."
    UNKNOWN_ATTRIBUTE "P104" "The name is almost that of a CloudEvents attribute. An extension of that name must be listed under `extensions:`."
    YAML_FEATURE "P105" "Anchors, aliases, merge keys, tags and directives of YAML are not used in documents."
    TOO_DEEP "P106" "The document is nested deeper, or holds more values, than a document may."
    WRONG_TYPE "P107" "The value is of another type than the one expected here."
    MISSING_KEY "P108" "A key that must be there is missing."
    UNKNOWN_VALUE "P109" "The value is none of those possible here."
    OUT_OF_RANGE "P110" "A number, duration or size is malformed, or outside of what is allowed."
    NOT_YET "P111" "This is part of the design, but this version of Tidegate does not do it yet."
    EMPTY "P112" "At least one entry must be given here."
    TOO_MANY_MISTAKES "P113" "There are more mistakes than one run reports; the rest shows when these are mended."
    API_VERSION "P120" "`apiVersion` is not one this host reads."
    KIND "P121" "`kind` is not one of Source, Sink, Route, FilterPolicy."
    NAME "P122" "Names and namespaces are RFC 1123 labels: up to 63 of a-z, 0-9 and `-`, beginning and ending with a letter or digit."
    LABEL "P123" "Labels have keys of A-Z, a-z, 0-9, `-`, `_`, `.`, `/`, and values of the same without `/`, up to 63 characters."
    SAME_DOCUMENT "P124" "Two documents have the same kind, namespace and name."
    NO_SUCH_DOCUMENT "P125" "A reference names a document that is not in the set."
    OTHER_NAMESPACE "P126" "References stay inside a namespace; only policies of `system` apply to routes of others."
    EXCLUSIVE "P127" "Two keys are given of which only one may be."
    NO_DEAD_LETTER_SINK "P128" "Something is to be dead-lettered on a route that has no `deadLetter: {sink: …}`."
    ONE_CONNECTOR "P130" "A source or sink has exactly one connector as key of its `spec`."
    NO_SUCH_CONNECTOR "P131" "This host has no connector of that name."
    CONNECTOR_CONFIG "P132" "The connector refuses its configuration."
    SAME_ADDRESS "P133" "Two sources that are read listen at one address; only one of them could be opened."
    TOPIC_PATTERN "P140" "Topic patterns are levels between `/`: words, `*` for one level, `>` as the last for all the rest; `!` before one makes it an exception."
    TOPIC_TEMPLATE "P141" "A topic is text with `${attribute}` or `${name}` in it; it begins with text, so that an event cannot choose just any destination."
    EXACTLY_ONCE "P142" "A source that delivers exactly once writes what comes of its events in transactions of its own: to sinks of its cluster, without state."
    ONE_DIALECT "P150" "A condition has exactly one of the keys exact, prefix, suffix, all, any, not, cesql (or sql), pattern."
    CONDITION_TOO_LARGE "P151" "Conditions are nested deeper, or are more, than one place may have."
    ATTRIBUTE_NAME "P152" "Attribute names of CloudEvents are lower-case letters and digits; `data` is none of them."
    ATTRIBUTE_VALUE "P153" "A condition compares with a string that is not empty; attributes never are."
    EXPRESSION "P154" "The text is no expression of CloudEvents SQL 1.0."
    EXPRESSION_VOID "P155" "The expression can come to nothing but an error, or to no truth value: no event would ever pass."
    PATTERN "P156" "An event pattern lists for each field what it may be: values, and tests such as prefix, numeric, anything-but, exists."
    MODULE_REFERENCE "P160" "A module is `file:` and a path relative to the document, without leaving its directory."
    DIGEST "P161" "The digest of a module is `sha256:` and 64 lower-case hex digits; only a host in development runs without."
    WRITE_PATTERN "P162" "`mayWrite.attributes` lists attribute names, or beginnings of names with `*` at the end."
    MEMORY_TOO_SMALL "P163" "A module needs memory for at least eight times the largest event it is given."
    NO_STATE "P164" "Limits of a state are given, but the policy does not grant `state`."
    NO_MODULE "P165" "A setting that only means something to a module, on a policy that decides by a condition."
    SAME_MODULE "P170" "A rollout goes from one module, or configuration, to another; its baseline is what ran before."
    STEPS "P171" "The steps of a rollout that promotes itself grow, from its `percent` on, which is more than 0."
}
