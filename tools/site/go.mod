module github.com/minsize/minsize/tools/site

go 1.26.0

require github.com/yuin/goldmark v1.8.7 // Markdown to HTML, as GitHub reads it
