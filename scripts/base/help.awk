# Print what make help shows of the Makefile, in 80 columns.  It uses the lines that begin with
# ##: "##@" is the heading of a group, "##=" a variable and its text, and the others are the text
# of the target that follows.  A text continues in the next lines with "##".

# show(NAME, TEXT): print the text beside the name, broken into lines.
function show(name, text,	words, n, i, line)
{
	n = split(text, words, " ")
	for (i = 1; i <= n; i++) {
		if (line != "" && length(line) + 1 + length(words[i]) > 60) {
			printf "  %-17s %s\n", name, line
			name = line = ""
		}
		line = line (line == "" ? "" : " ") words[i]
	}
	printf "  %-17s %s\n", name, line
}

# end(NAME): print the text that was read, if there is one, as that of NAME.
function end(name)
{
	if (text != "")
		show(name, text)
	text = variable = ""
}

/^##@ / {
	end(variable)
	print (groups++ ? "\n" : "") substr($0, 5)
	next
}
/^##= / {
	end(variable)
	variable = $2
	sub(/^##= [^ ]+ /, "## ")
}
/^## / {
	text = text " " substr($0, 4)
	next
}
/^[a-z_-]+:/ {
	sub(/:.*/, "")
	end($0)
}
END {
	end(variable)
}
