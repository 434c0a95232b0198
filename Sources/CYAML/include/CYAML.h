// A look at YAML through the parser's own events, before anything is made of them.
#include <stddef.h>

/// What a text has that a configuration never needs.
typedef enum {
  cy_plain = 0,   ///< nothing; or it is no YAML, which the parser itself will tell
  cy_anchor = 1,  ///< an anchor
  cy_alias = 2,   ///< an alias: these multiply
  cy_tag = 3,     ///< a tag
  cy_deep = 4,    ///< deeper nesting than is allowed
  cy_many = 5     ///< more nodes than are allowed
} cy_finding;

/// Reads the events of a text up to the first finding.
///
/// - text, length: in UTF-8.
/// - depth: how many levels of nesting are allowed.
/// - nodes: how many values, lists and sections are allowed.
/// - line, column: where the finding is, from 1.
cy_finding cy_judge(const char *text, size_t length, size_t depth, size_t nodes, size_t *line, size_t *column);
