// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// Sanitize returns the text with every literal replaced by ?, by the rules of a
// dialect, and without comments and hints. A list after IN that holds nothing but
// literals and placeholders becomes (?). Identifiers, bind variables, NULL, TRUE and
// FALSE stay, as does all white space. What the dialect cannot tell from a literal,
// and what an open quote or comment leaves undecided, is replaced too. A text with
// nothing to replace comes back as it is.
func Sanitize(text string, d Dialect) string {
	_, s := run(text, d, false, true)
	return s
}

// writer builds the sanitized text from the pieces of the original.
type writer struct {
	text    string
	out     []byte
	last    int  // up to here the text is in out
	on      bool // nobody wants the result otherwise
	changed bool
	masking bool // inside of what becomes one ?

	list         bool // in parentheses after IN with literals and placeholders only
	listLiterals bool
	listMark     int // length of out, if it were up to date, behind the parenthesis
}

// flush brings the text up to a position into out.
func (w *writer) flush(to int) {
	if !w.changed {
		w.changed = true
		if cap(w.out) < len(w.text) {
			w.out = make([]byte, 0, len(w.text))
		}
	}
	w.out = append(w.out, w.text[w.last:to]...)
}

// literal puts ? in the place of a literal.
func (w *writer) literal(start, end int) {
	if !w.on || w.masking {
		return
	}
	w.listLiterals = true
	w.flush(start)
	w.out = append(w.out, '?')
	w.last = end
}

// drop leaves a comment out. What it kept apart stays apart.
func (w *writer) drop(start, end int) {
	if !w.on || w.masking {
		return
	}
	w.flush(start)
	w.last = end
	if n := len(w.out); n > 0 && !isSpace(w.out[n-1]) && end < len(w.text) && !isSpace(w.text[end]) {
		w.out = append(w.out, ' ')
	}
}

// open begins a level of parentheses, after IN perhaps.
func (w *writer) open(end int, in bool) {
	w.list, w.listLiterals = in, false
	w.listMark = len(w.out) + end - w.last
}

// end ends a level of parentheses; start is where the closing one stands.
func (w *writer) end(start int) {
	if w.on && !w.masking && w.list && w.listLiterals {
		w.out = append(w.out[:w.listMark], '?')
		w.last = start
	}
	w.list = false
}

// other says that something else than literals, placeholders and commas stands here.
func (w *writer) other() {
	w.list = false
}

func (w *writer) string() string {
	switch {
	case !w.on:
		return ""
	case !w.changed:
		return w.text
	}
	w.flush(len(w.text))
	return string(w.out)
}
