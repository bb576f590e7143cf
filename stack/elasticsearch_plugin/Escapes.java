package livedrops;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Rules of the form "left => right" with backslash escapes, as char mappings are written. */
final class Escapes {
    private static final Pattern RULE = Pattern.compile("(.*)\\s*=>\\s*(.*)\\s*$", Pattern.DOTALL);
    private static final Pattern ESCAPE = Pattern.compile("\\\\(u[0-9a-fA-F]{4}|.)", Pattern.DOTALL);

    private Escapes() {}

    /** Left and right side, escapes resolved. */
    static String[] rule(String text) {
        Matcher found = RULE.matcher(text);
        if (found.find() == false) {
            throw new IllegalArgumentException("Invalid Mapping Rule : [" + text + "]");
        }
        String left = resolve(found.group(1).trim());
        if (left.isEmpty()) {
            throw new IllegalArgumentException("Invalid Mapping Rule : [" + text + "]. Left-hand side is empty");
        }
        return new String[] { left, resolve(found.group(2).trim()) };
    }

    private static String resolve(String text) {
        return ESCAPE.matcher(text).replaceAll(found -> Matcher.quoteReplacement(character(found.group(1))));
    }

    private static String character(String escaped) {
        return switch (escaped.charAt(0)) {
            case 'n' -> "\n";
            case 't' -> "\t";
            case 'r' -> "\r";
            case 'b' -> "\b";
            case 'f' -> "\f";
            case 'u' -> escaped.length() == 5 ? String.valueOf((char) Integer.parseInt(escaped.substring(1), 16)) : escaped;
            default -> escaped;
        };
    }
}
