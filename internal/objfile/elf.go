package objfile
