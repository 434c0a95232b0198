#include "CYAML.h"

// libyaml, as Yams brings it along: the guard and the reader are one parser.
#include <yaml.h>

static cy_finding judge_event(const yaml_event_t *event, size_t allowed_depth, size_t *depth, size_t *nodes) {
  const yaml_char_t *anchor = NULL, *tag = NULL;
  switch (event->type) {
    case YAML_ALIAS_EVENT: return cy_alias;
    case YAML_SCALAR_EVENT:
      anchor = event->data.scalar.anchor;
      tag = event->data.scalar.tag;
      break;
    case YAML_SEQUENCE_START_EVENT:
      anchor = event->data.sequence_start.anchor;
      tag = event->data.sequence_start.tag;
      ++*depth;
      break;
    case YAML_MAPPING_START_EVENT:
      anchor = event->data.mapping_start.anchor;
      tag = event->data.mapping_start.tag;
      ++*depth;
      break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: --*depth; return cy_plain;
    default: return cy_plain;
  }
  if (anchor != NULL) return cy_anchor;
  if (tag != NULL) return cy_tag;
  if (*depth > allowed_depth) return cy_deep;
  if (*nodes == 0) return cy_many;
  --*nodes;
  return cy_plain;
}

cy_finding cy_judge(const char *text, size_t length, size_t depth, size_t nodes, size_t *line, size_t *column) {
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) return cy_many;
  yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
  cy_finding finding = cy_plain;
  size_t level = 0;
  for (int done = 0; !done && finding == cy_plain;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&parser, &event)) break;
    finding = judge_event(&event, depth, &level, &nodes);
    *line = event.start_mark.line + 1;
    *column = event.start_mark.column + 1;
    done = event.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
  return finding;
}
