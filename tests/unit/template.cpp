// SPDX-License-Identifier: Apache-2.0
#include <everleaf/template/template.hpp>

#include <doctest/doctest.h>

#include <everleaf/error/error.hpp>

using namespace everleaf;
using templates::List;
using templates::Map;
using templates::Record;
using templates::Value;

namespace {

const auto* const values = R"json({"team": "web", "count": 3, "big": 1000000, "half": 0.5,
                              "yes": true, "no": false, "none": null, "text": "a<b>&\"c\"\u2028",
                              "umlaut": "B\u00fc", "empty": "", "list": ["a", "b", "c"], "nobody": [],
                              "map": {"z": 1, "a": "x", "n": null}, "deep": {"k": {"v": [1, {"w": "end"}]}}})json";

std::string filled(const std::string& text) {
  return templates::fill(text, Value::from_json(values, "values"), "csr.tpl");
}

std::string refusal(const std::string& text) {
  try {
    filled(text);
  } catch (const Error& error) {
    return std::string(error.what()) + (error.hint().empty() ? "" : " | " + error.hint());
  }
  return "nothing";
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

struct Example {
  std::string text;
  std::string written;  // by Go's text/template with the functions of go.step.sm/crypto v0.77.1
};

}  // namespace

TEST_CASE("a template writes what Go's writes") {
  const std::vector<Example> examples{
      // text and trimming
      {"a {{ .team }} b", "a web b"},
      {"a {{- .team -}} b", "awebb"},
      {"a {{- /* gone */ -}} b", "ab"},
      {R"(a{{/* a comment
of two lines */}}b)",
       "ab"},
      {R"({{"{{"}}{{`}}`}})", "{{}}"},
      {"{{- .team }}", "web"},
      {"x {{23 -}} < {{- 45}}", "x 23<45"},
      // fields and what is not there
      {"{{ .deep.k.v }}", "[1 map[w:end]]"},
      {"{{ .nothing }} {{ .nothing.more }} {{ .none }}", "<no value> <no value> <no value>"},
      {"{{ $.team }} {{ (index .deep.k.v 1).w }}", "web end"},
      {"{{ with .deep }}{{ .k.v }} {{ $.team }}{{ end }}", "[1 map[w:end]] web"},
      // literals
      {R"({{ "a\tb\"\u00fc\x41\101" }} {{ `raw\n` }} {{ 7 }} {{ -7 }} {{ +7 }} {{ 1.50 }} {{ 1e3 }} {{ true }} {{ false }})",
       "a\011b\"\303\274AA raw\\n 7 -7 7 1.5 1000 true false"},
      // numbers
      {"{{ .count }} {{ .big }} {{ .half }} {{ toJson .big }} {{ toJson .half }} {{ 0.0000001 }} {{ toJson 0.0000001 "
       "}} {{ toJson 1e21 }}",
       "3 1e+06 0.5 1000000 0.5 1e-07 1e-7 1e+21"},
      // variables
      {R"({{ $x := .team }}{{ $x }}{{ $x = "y" }}{{ $x }})", "weby"},
      {"{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"},
      {"{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"},
      {"{{ $x := .deep }}{{ $x.k.v }}", "[1 map[w:end]]"},
      // pipelines
      {R"({{ .team | upper | printf "%s-%s" "a" }})", "a-WEB"},
      {"{{ .team|upper|len }}", "3"},
      {R"({{ printf "%v" (list 1 (list "a" .none)) }})", "[1 [a <nil>]]"},
      // if, else if, truth
      {"{{ if .team }}1{{ end }}{{ if .empty }}2{{ end }}{{ if .nobody }}3{{ end }}{{ if .none }}4{{ end }}{{ if "
       ".nothing }}5{{ end }}{{ if .no }}6{{ end }}{{ if 0 }}7{{ end }}{{ if .map }}8{{ end }}{{ if .half }}9{{ end }}",
       "189"},
      {R"({{ if .no }}a{{ else if .nothing }}b{{ else if eq .team "web" }}c{{ else }}d{{ end }})", "c"},
      {"{{ if and .yes .team }}a{{ end }}{{ if or .no .empty }}b{{ else }}c{{ end }}{{ if not .no }}d{{ end }}", "acd"},
      {R"({{ and .yes .empty .nothing.x }}|{{ or .no "" .team }}|{{ and 1 2 }}|{{ or 0 "" }})", "|web|2|"},
      // with
      {"{{ with .team }}{{ . }}{{ else }}none{{ end }}{{ with .empty }}{{ . }}{{ else }}none{{ end }}", "webnone"},
      {"{{ with $x := .team }}{{ $x }}{{ end }}", "web"},
      {"{{ with .empty }}a{{ else with .team }}{{ . }}{{ end }}", "web"},
      // range
      {"{{ range .list }}<{{ . }}>{{ end }}", "<a><b><c>"},
      {"{{ range $i, $e := .list }}{{ $i }}={{ $e }} {{ end }}", "0=a 1=b 2=c "},
      {"{{ range $e := .list }}{{ $e }}{{ end }}{{ range $k, $v := .map }}{{ $k }}={{ $v }} {{ end }}",
       "abca=x n=<no value> z=1 "},
      {"{{ range .nobody }}a{{ else }}none{{ end }}{{ range .nothing }}a{{ else }}none{{ end }}{{ range .none }}a{{ "
       "else }}none{{ end }}",
       "nonenonenone"},
      {R"({{ range .list }}{{ if eq . "b" }}{{ continue }}{{ end }}{{ . }}{{ end }} {{ range .list }}{{ if eq . "b" }}{{ break }}{{ end }}{{ . }}{{ end }})",
       "ac a"},
      {R"({{ $last := "" }}{{ range $last = .list }}{{ end }}{{ $last }})", "c"},
      {"{{ range $i, $e := .list }}{{ if $i }}, {{ end }}{{ toJson $e }}{{ end }}", R"("a", "b", "c")"},
      // comparing
      {R"({{ eq .team "web" }} {{ eq .team "a" "web" }} {{ ne .team "web" }} {{ eq .none .nothing }} {{ eq .none "x" }} {{ eq 1 1 }} {{ eq .half 0.5 }})",
       "true true false true false true true"},
      {R"({{ lt 1 2 }} {{ le 2 2 }} {{ gt "b" "a" }} {{ ge .half 0.5 }})", "true true true true"},
      // len, index
      {"{{ len .team }} {{ len .list }} {{ len .map }} {{ len .umlaut }}", "3 3 3 3"},
      {R"({{ index .list 1 }} {{ index .map "z" }} {{ index .map "q" }} {{ index .deep "k" "v" 1 "w" }} {{ index .list }})",
       "b 1 <no value> end [a b c]"},
      // printing
      {R"({{ .list }} {{ .map }} {{ list "" "" }} {{ .nobody }})", "[a b c] map[a:x n:<nil> z:1] [ ] []"},
      {R"({{ printf "%s %q %d %v %t %%" .team "a\"\tb" 5 .list true }})", R"(web "a\"\tb" 5 [a b c] true %)"},
      {R"({{ printf "%v %v" .none .nothing }})", "<nil> <nil>"},
      {R"({{ print "a" "b" 1 2 "c" .none .none }})", "ab1 2c<nil> <nil>"},
      // JSON
      {"{{ toJson .text }} {{ toJson .none }} {{ toJson .nothing }} {{ toJson .map }} {{ toJson .list }} {{ toJson "
       ".umlaut }}",
       "\"a\\u003cb\\u003e\\u0026\\\"c\\\"\\u2028\" null null {\"a\":\"x\",\"n\":null,\"z\":1} [\"a\",\"b\",\"c\"] "
       "\"B\303\274\""},
      {R"({{ toRawJson .text }} {{ toJson "\xff\x00\b" }} {{ toJson list }} {{ toJson dict }})",
       R"("a<b>&\"c\"\u2028" "\ufffd\u0000\b" [] {})"},
      {"{{ toPrettyJson .map }}{{ toPrettyJson list }}{{ toPrettyJson .deep }}",
       R"({
  "a": "x",
  "n": null,
  "z": 1
}[]{
  "k": {
    "v": [
      1,
      {
        "w": "end"
      }
    ]
  }
})"},
      {R"({{ (fromJson "{\"a\": [1, null]}").a }})", "[1 <nil>]"},
      // strings
      {R"({{ upper "aBz[" }} {{ lower "ABz{" }} [{{ trim " \t a b \n\u00a0" }}] {{ trimPrefix "we" .team }} {{ trimSuffix "b" .team }})",
       "ABZ[ abz{ [a b] b we"},
      {R"({{ contains "e" .team }} {{ hasPrefix "w" .team }} {{ hasSuffix "w" .team }} {{ replace "b" "bb" "abcb" }} {{ splitList "," "a,b,,c" }})",
       "true true false abbcbb [a b  c]"},
      {R"({{ quote "a\"\tb\x07\x01\x7f" .none "x" }} {{ squote .team 1 }} {{ toString .big }} {{ toString .none }} {{ quote .umlaut }})",
       "\"a\\\"\\tb\\a\\x01\\x7f\" \"x\" 'web' '1' 1e+06 <nil> \"B\303\274\""},
      // lists and maps
      {R"({{ first .list }} {{ last .list }} {{ rest .list }} {{ initial .list }} {{ first .nobody }} {{ append .list 1 }} {{ prepend .list "z" }})",
       "a c [b c] [a b] <no value> [a b c 1] [z a b c]"},
      {R"({{ join "-" .list }} {{ join "-" (list 1 .none "a") }} {{ join "-" .team }} {{ has "a" .list }} {{ has "q" .list }} {{ has 1 (list 1.0) }})",
       "a-b-c 1-a web true false false"},
      {R"({{ dict "a" 1 "b" }} {{ get .map "a" }} [{{ get .map "q" }}] {{ hasKey .map "n" }} {{ hasKey .map "q" }} {{ hasKey .nothing "q" }})",
       "map[a:1 b:] x [] true false false"},
      // choosing
      {R"({{ default "d" .team }} {{ .empty | default "d" }} {{ .nothing | default "d" }} {{ coalesce .none .empty "c" }} {{ ternary 1 2 .yes }} {{ empty .nobody }} {{ empty .count }})",
       "web d d c 1 true false"},
      {R"({{ typeIs "string" .team }} {{ typeIs "float64" .count }} {{ kindIs "map" .map }} {{ kindIs "slice" .list }} {{ typeIs "int" 1 }})",
       "true true true true true"},
  };
  for (const auto& example : examples) {
    CAPTURE(example.text);
    CHECK(filled(example.text) == example.written);
  }
}

TEST_CASE("the fields of a struct have Go's names, and in JSON its own") {
  const Value subject(Record{"x509util.Subject",
                             {{"Country", "country", true, Value(List{.is_nil = true})},
                              {"CommonName", "commonName", true, Value(std::string("a.test"))},
                              {"Key", "", false, Value(Record{.type = "*rsa.PublicKey", .has_all_fields = false})}}});
  const Value data(Map{"x509util.TemplateData", {{"Subject", subject}}, {"SetSubject"}});
  const auto fill = [&](const std::string& text) { return templates::fill(text, data, "csr.tpl"); };
  CHECK(fill("{{ .Subject.CommonName }} {{ toJson .Subject }} {{ toJson .Subject.Country }} {{ .Subject.Country }}") ==
        R"(a.test {"commonName":"a.test"} null [])");
  CHECK(fill(R"({{ typeIs "*rsa.PublicKey" .Subject.Key }} {{ typeIs "x509util.Subject" .Subject }})") == "true true");
  for (const auto* text :
       {"{{ .Subject }}", "{{ .Subject.commonName }}", "{{ toJson .Subject.Key }}", "{{ .Subject.Key.N }}",
        "{{ .SetSubject 1 }}", "{{ .SetSubject }}", "{{ eq .Subject .Subject }}"})
    CHECK_THROWS_AS(fill(text), Error);
}

TEST_CASE("what a template has of Go's language that we have not is refused by its name and line") {
  CHECK(refusal("a\n{{ regexMatch \"a\" .team }}")
            .starts_with("csr.tpl: line 2: the function regexMatch is not supported"));
  CHECK(refusal("\n\n{{ define \"x\" }}{{ end }}").starts_with("csr.tpl: line 3: {{define}} is not supported | write"));
  CHECK(refusal("{{ template \"x\" }}").starts_with("csr.tpl: line 1: {{template}} is not supported"));
  CHECK(refusal("{{ block \"x\" . }}{{ end }}").starts_with("csr.tpl: line 1: {{block}} is not supported"));
  CHECK(refusal("{{ 'a' }}").starts_with("csr.tpl: line 1: a character constant is not supported"));
  for (const auto* number : {"0x1f", "017", "1_000", "1i", "0b1"})
    CHECK(refusal("{{ " + std::string(number) + " }}").starts_with("csr.tpl: line 1: the number "));
  CHECK(refusal("{{ .b\xc3\xbc }}").starts_with("csr.tpl: line 1: a name with letters beyond ASCII is not supported"));
  CHECK(refusal("{{ range 3 }}{{ end }}").starts_with("csr.tpl: line 1: range over int is not supported"));
  CHECK(refusal("{{ printf \"%5d\" 1 }}").starts_with("csr.tpl: line 1: printf: %5 is not supported"));
  CHECK(refusal("{{ upper .umlaut }}") == "csr.tpl: line 1: upper: letters beyond ASCII are not supported");
  CHECK(refusal("{{ quote .text }}").starts_with("csr.tpl: line 1: quote: quoting "));
}

TEST_CASE("what would write nonsense without a word is an error with its line") {
  CHECK(refusal("{{ printf \"%d\" .count }}").starts_with("csr.tpl: line 1: printf: %d of a number of JSON"));
  for (const auto* text : {"{{ printf \"%s\" }}", "{{ printf \"%s\" 1 }}", "{{ printf \"a\" 1 }}", "{{ printf \"%\" }}",
                           "{{ printf \"%t\" 1 }}", "{{ printf \"%z\" 1 }}", "{{ fromJson \"{\" }}",
                           "{{ splitList \"\" \"ab\" }}", "{{ replace \"\" \"a\" \"ab\" }}"})
    CHECK(refusal("\n" + std::string(text)).starts_with("csr.tpl: line 2: "));
}

TEST_CASE("what Go refuses is refused with its line") {
  CHECK(refusal("{{ upper }}") == "csr.tpl: line 1: upper takes 1 value, not 0");
  CHECK(refusal("{{ fail \"no\" }}") == "csr.tpl: line 1: fail: the template says: no");
  CHECK(refusal("{{ if .yes }}\n{{ eq .count 3 }}{{ end }}")
            .starts_with("csr.tpl: line 2: eq: it cannot compare a number of JSON with int"));
  CHECK(refusal("{{\n.team.more }}") == "csr.tpl: line 2: string has no field .more");
  for (const auto* text : {"{{",
                           "{{ .team",
                           "{{ }}",
                           "{{ \"a }}",
                           "{{ `a }}",
                           "{{ \"\\q\" }}",
                           "{{ \"\\ud800\" }}",
                           "{{ \"\\400\" }}",
                           "{{ \"\\x4\" }}",
                           "{{ (.team }}",
                           "{{ .team) }}",

                           "{{ | len }}",
                           "{{ .team | 1 }}",
                           "{{ .team | \"a\" }}",
                           "{{ .team | . }}",
                           "{{ 1 2 }}",
                           "{{ .team .team }}",
                           "{{ .team | .team }}",
                           "{{ nil }}",
                           "{{ \"a\".b }}",
                           "{{ 1.a }}",
                           "{{ .a% }}",
                           "{{ ! }}",
                           "{{ $x }}",
                           "{{ $x = 1 }}",
                           "{{ $x, $y := 1 }}",
                           "{{ $x := }}",
                           "{{ if }}{{ end }}",
                           "{{ if .team }}",
                           "{{ end }}",
                           "{{ else }}",
                           "{{ if 1 }}{{ else }}{{ else }}{{ end }}",
                           "{{ range .list }}{{ else if 1 }}{{ end }}",
                           "{{ break }}",
                           "{{ range .list }}{{ else }}{{ break }}{{ end }}",
                           "{{ range $a, $b, $c := .list }}{{ end }}",
                           "{{ if $a, $b := .list }}{{ end }}",
                           "{{ /* a */ }}",
                           "{{/* a }}",
                           "{{/* a */ 1 }}",
                           "{{ len }}",
                           "{{ len 1 }}",
                           "{{ len .nothing }}",
                           "{{ not 1 2 }}",
                           "{{ and }}",
                           "{{ index .list 3 }}",
                           "{{ index .list -1 }}",
                           "{{ index .list .count }}",
                           "{{ index .nothing 1 }}",
                           "{{ index .map 1 }}",
                           "{{ .none.x }}",
                           "{{ .list.x }}",
                           "{{ lt .none 1 }}",
                           "{{ lt 1 1.5 }}",
                           "{{ lt true false }}",
                           "{{ eq 1 }}",
                           "{{ eq .list .list }}",
                           "{{ upper .nothing }}",
                           "{{ upper .none }}",
                           "{{ upper 1 }}",
                           "{{ first .team }}",
                           "{{ first .nothing }}",
                           "{{ get .none \"a\" }}",
                           "{{ ternary 1 2 3 }}",
                           "{{ range .team }}{{ end }}",
                           "{{ (len) }}",
                           "{{ len.x }}",
                           "{{ if 1 }}{{ $x := 1 }}{{ end }}{{ $x }}",
                           "{{ 99999999999999999999 }}",
                           "{{ 1..2 }}",
                           "{{ - }}",
                           "{{ .team\"a\" }}",
                           "{{ \"a\"\"b\" }}"})
    CHECK_MESSAGE(refusal(text).starts_with("csr.tpl: line 1: "), text, " -> ", refusal(text));
}

TEST_CASE("a template cannot take more than its share of time, memory and stack") {
  CHECK(refusal(repeated("{{ if 1 }}", 100'000)).find("nested deeper") != std::string::npos);
  CHECK(refusal("{{ " + repeated("(", 100'000) + repeated(")", 100'000) + " }}").find("nested deeper") !=
        std::string::npos);
  CHECK(filled(repeated("{{ if 1 }}", 40) + "a" + repeated("{{ end }}", 40)) == "a");
  const auto doubled = "{{ $x := \"0123456789\" }}" + repeated("{{ $x = printf \"%s%s\" $x $x }}", 40);
  CHECK(refusal(doubled).find("it takes too long") != std::string::npos);
  CHECK(refusal("{{ $x := list 1 }}" + repeated("{{ $x = list $x $x }}", 40)).find("too large") != std::string::npos);
  CHECK(refusal("{{ $x := 1 }}" + repeated("{{ $x = list $x }}", 100)).find("too large") != std::string::npos);
  const std::string many = "{{ $l := splitList \"a\" \"" + std::string(2000, 'a') + "\" }}";
  CHECK(refusal(many + repeated("{{ range $l }}", 4) + repeated("{{ end }}", 4)).find("it takes too long") !=
        std::string::npos);
  CHECK(refusal(many + repeated("{{ range $l }}", 2) + "12345678" + repeated("{{ end }}", 2)).find("more than 1 MiB") !=
        std::string::npos);
}
