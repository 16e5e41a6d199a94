package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// writeJSON prints {"schema": ..., then the fields of d.Data}: bytes as
// integers, fields in the order of the struct.
func writeJSON(w io.Writer, d *Document, _ Options) error {
	body, err := json.MarshalIndent(d.Data, "", "  ")
	if err != nil {
		return err
	}
	if len(body) < 2 || body[0] != '{' {
		return fmt.Errorf("%s: JSON data is no object", d.Schema)
	}
	head := fmt.Sprintf("{\n  \"schema\": %q", d.Schema)
	if string(body) != "{}" {
		head += ","
	}
	_, err = fmt.Fprintf(w, "%s%s\n", head, body[1:])
	return err
}
