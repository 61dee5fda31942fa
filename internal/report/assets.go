package report

import (
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
)

//go:embed assets/page.tmpl
var pageText string

//go:embed assets/parts.tmpl
var partsText string

//go:embed assets/page.css
var cssText string

//go:embed assets/page.js
var jsText string

// uPlot draws the charts; it is vendored with its licence (MIT) in assets/uplot.
//
//go:embed assets/uplot/uPlot.iife.min.js
var uplotText string

//go:embed assets/uplot/uPlot.min.css
var uplotCSSText string

//go:embed assets/uplot/LICENSE
var uplotLicence string

// assets are the parts of the page that are the same in each.
type assets struct {
	CSS, UPlotCSS template.CSS
	JS, UPlot     template.JS
	Licence       string
	Policy        string // nothing is loaded, and no script runs but these two
}

var files = assets{
	CSS: template.CSS(cssText), UPlotCSS: template.CSS(uplotCSSText), JS: template.JS(jsText), UPlot: template.JS(uplotText), Licence: uplotLicence,
	Policy: "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src " + hash(uplotText) + " " + hash(jsText),
}

func hash(script string) string {
	sum := sha256.Sum256([]byte(script))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

var pageTemplate = template.Must(template.Must(template.New("page").Funcs(template.FuncMap{
	"f":    func(x float64) string { return trimZeros(x, 1) },
	"list": func(s []string) string { return strings.Join(s, ", ") },
	"sub":  func(a, b float64) float64 { return a - b },
	"add":  func(a, b float64) float64 { return a + b },
	"n":    func(n int) string { return fmt.Sprint(n) },
}).Parse(pageText)).Parse(partsText))
