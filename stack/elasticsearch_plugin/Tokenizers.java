package livedrops;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.core.KeywordTokenizer;
import org.apache.lucene.analysis.core.LetterTokenizer;
import org.apache.lucene.analysis.core.WhitespaceTokenizer;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenizer;
import org.apache.lucene.analysis.ngram.NGramTokenizer;
import org.apache.lucene.analysis.pattern.PatternTokenizer;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.IndexSettings;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;

/** Tokenizers by their stock names; "standard" is in every Elasticsearch. */
final class Tokenizers {
    private Tokenizers() {}

    static Map<String, AnalysisProvider<TokenizerFactory>> all() {
        return Map.of(
            "keyword", (index, environment, name, settings) -> keyword(name, settings),
            "letter", (index, environment, name, settings) -> TokenizerFactory.newFactory(name, LetterTokenizer::new),
            "whitespace", (index, environment, name, settings) -> whitespace(name, settings),
            "uax_url_email", (index, environment, name, settings) -> urlsAndAddresses(name, settings),
            "pattern", (index, environment, name, settings) -> pattern(name, settings),
            "ngram", (index, environment, name, settings) -> grams(name, index, settings),
            "edge_ngram", (index, environment, name, settings) -> edgeGrams(name, settings)
        );
    }

    private static TokenizerFactory keyword(String name, Settings settings) {
        int buffer = settings.getAsInt("buffer_size", 256);
        return TokenizerFactory.newFactory(name, () -> new KeywordTokenizer(buffer));
    }

    private static TokenizerFactory whitespace(String name, Settings settings) {
        int longest = settings.getAsInt("max_token_length", StandardAnalyzer.DEFAULT_MAX_TOKEN_LENGTH);
        return TokenizerFactory.newFactory(name, () -> new WhitespaceTokenizer(Tokenizer.DEFAULT_TOKEN_ATTRIBUTE_FACTORY, longest));
    }

    private static TokenizerFactory urlsAndAddresses(String name, Settings settings) {
        int longest = settings.getAsInt("max_token_length", StandardAnalyzer.DEFAULT_MAX_TOKEN_LENGTH);
        return TokenizerFactory.newFactory(name, () -> {
            UAX29URLEmailTokenizer tokenizer = new UAX29URLEmailTokenizer();
            tokenizer.setMaxTokenLength(longest);
            return tokenizer;
        });
    }

    private static TokenizerFactory pattern(String name, Settings settings) {
        Pattern pattern = Regex.compile(settings.get("pattern", "\\W+"), settings.get("flags"));
        int group = settings.getAsInt("group", -1);
        return TokenizerFactory.newFactory(name, () -> new PatternTokenizer(pattern, group));
    }

    private static TokenizerFactory grams(String name, IndexSettings index, Settings settings) {
        int shortest = settings.getAsInt("min_gram", 1);
        int longest = settings.getAsInt("max_gram", 2);
        TokenFilters.checkGramDifference(index, shortest, longest, "NGram Tokenizer");
        IntPredicate wanted = characters(settings);
        Supplier<Tokenizer> maker = () -> new NGramTokenizer(shortest, longest) {
            @Override
            protected boolean isTokenChar(int character) {
                return wanted.test(character);
            }
        };
        return TokenizerFactory.newFactory(name, maker);
    }

    private static TokenizerFactory edgeGrams(String name, Settings settings) {
        int shortest = settings.getAsInt("min_gram", 1);
        int longest = settings.getAsInt("max_gram", 2);
        IntPredicate wanted = characters(settings);
        Supplier<Tokenizer> maker = () -> new EdgeNGramTokenizer(shortest, longest) {
            @Override
            protected boolean isTokenChar(int character) {
                return wanted.test(character);
            }
        };
        return TokenizerFactory.newFactory(name, maker);
    }

    /** Which characters belong to a token: those of any class in token_chars, all where none is named. */
    private static IntPredicate characters(Settings settings) {
        List<String> classes = settings.getAsList("token_chars");
        String custom = settings.get("custom_token_chars", "");
        return classes.stream().map(name -> characterClass(name, custom)).reduce(IntPredicate::or).orElse(character -> true);
    }

    private static IntPredicate characterClass(String name, String custom) {
        return switch (name.toLowerCase(Locale.ROOT).trim()) {
            case "letter" -> Character::isLetter;
            case "digit" -> Character::isDigit;
            case "whitespace" -> Character::isWhitespace;
            case "punctuation" -> matching("\\p{P}");
            case "symbol" -> matching("\\p{S}");
            case "custom" -> character -> custom.indexOf(character) >= 0;
            default -> throw new IllegalArgumentException("Unknown token type: '" + name + "'");
        };
    }

    private static IntPredicate matching(String expression) {
        Pattern pattern = Pattern.compile(expression);
        return character -> pattern.matcher(Character.toString(character)).matches();
    }
}
