package livedrops;

import static org.elasticsearch.plugins.AnalysisPlugin.requiresAnalysisSettings;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.CharArraySet;
import org.apache.lucene.analysis.LowerCaseFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.ar.ArabicNormalizationFilter;
import org.apache.lucene.analysis.cjk.CJKBigramFilter;
import org.apache.lucene.analysis.cjk.CJKWidthFilter;
import org.apache.lucene.analysis.core.DecimalDigitFilter;
import org.apache.lucene.analysis.core.FlattenGraphFilter;
import org.apache.lucene.analysis.core.UpperCaseFilter;
import org.apache.lucene.analysis.de.GermanNormalizationFilter;
import org.apache.lucene.analysis.el.GreekLowerCaseFilter;
import org.apache.lucene.analysis.en.KStemFilter;
import org.apache.lucene.analysis.en.PorterStemFilter;
import org.apache.lucene.analysis.fa.PersianNormalizationFilter;
import org.apache.lucene.analysis.fr.FrenchAnalyzer;
import org.apache.lucene.analysis.ga.IrishLowerCaseFilter;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.apache.lucene.analysis.miscellaneous.KeepWordFilter;
import org.apache.lucene.analysis.miscellaneous.KeywordRepeatFilter;
import org.apache.lucene.analysis.miscellaneous.LengthFilter;
import org.apache.lucene.analysis.miscellaneous.LimitTokenCountFilter;
import org.apache.lucene.analysis.miscellaneous.PatternKeywordMarkerFilter;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.miscellaneous.ScandinavianFoldingFilter;
import org.apache.lucene.analysis.miscellaneous.ScandinavianNormalizationFilter;
import org.apache.lucene.analysis.miscellaneous.SetKeywordMarkerFilter;
import org.apache.lucene.analysis.miscellaneous.StemmerOverrideFilter;
import org.apache.lucene.analysis.miscellaneous.TrimFilter;
import org.apache.lucene.analysis.miscellaneous.TruncateTokenFilter;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenFilter;
import org.apache.lucene.analysis.ngram.NGramTokenFilter;
import org.apache.lucene.analysis.pattern.PatternReplaceFilter;
import org.apache.lucene.analysis.reverse.ReverseStringFilter;
import org.apache.lucene.analysis.snowball.SnowballFilter;
import org.apache.lucene.analysis.synonym.SynonymFilter;
import org.apache.lucene.analysis.synonym.SynonymGraphFilter;
import org.apache.lucene.analysis.tr.ApostropheFilter;
import org.apache.lucene.analysis.tr.TurkishLowerCaseFilter;
import org.apache.lucene.analysis.util.ElisionFilter;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.index.IndexSettings;
import org.elasticsearch.index.analysis.Analysis;
import org.elasticsearch.index.analysis.PreConfiguredTokenFilter;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;

/** Token filters by their stock names; "stop", "shingle" and "hunspell" are in every Elasticsearch. */
final class TokenFilters {
    private TokenFilters() {}

    static Map<String, AnalysisProvider<TokenFilterFactory>> all() {
        Map<String, AnalysisProvider<TokenFilterFactory>> all = new TreeMap<>();
        addFolding(all);
        addStemming(all);
        addChoosing(all);
        addSplitting(all);
        all.put("synonym", requiresAnalysisSettings((index, environment, name, settings) ->
            new Synonyms(name, environment, settings, (tokens, map) -> new SynonymFilter(tokens, map, false))));
        all.put("synonym_graph", requiresAnalysisSettings((index, environment, name, settings) ->
            new Synonyms(name, environment, settings, (tokens, map) -> new SynonymGraphFilter(tokens, map, false))));
        return all;
    }

    /** What a name stands for in a list of filters that says nothing more: only where that differs from the defaults of its settings. */
    static List<PreConfiguredTokenFilter> bare() {
        return List.of(
            PreConfiguredTokenFilter.singleton("edge_ngram", false, false, tokens -> new EdgeNGramTokenFilter(tokens, 1)),
            PreConfiguredTokenFilter.singleton("elision", true, tokens -> new ElisionFilter(tokens, FrenchAnalyzer.DEFAULT_ARTICLES)),
            PreConfiguredTokenFilter.singleton("keyword_repeat", false, false, KeywordRepeatFilter::new),
            PreConfiguredTokenFilter.singleton("truncate", false, tokens -> new TruncateTokenFilter(tokens, 10))
        );
    }

    static void checkGramDifference(IndexSettings index, int shortest, int longest, String what) {
        if (longest - shortest > index.getMaxNgramDiff()) {
            throw new IllegalArgumentException(
                "The difference between max_gram and min_gram in " + what + " must be less than or equal to: [" + index.getMaxNgramDiff()
                    + "] but was [" + (longest - shortest) + "]. This limit can be set by changing the ["
                    + IndexSettings.MAX_NGRAM_DIFF_SETTING.getKey() + "] index level setting."
            );
        }
    }

    /** One token out of one: other letters, the same word. */
    private static void addFolding(Map<String, AnalysisProvider<TokenFilterFactory>> all) {
        all.put("asciifolding", (index, environment, name, settings) -> asciiFolding(name, settings));
        all.put("lowercase", (index, environment, name, settings) -> new Filter.Normalizing(name, lowerCase(settings)));
        all.put("elision", requiresAnalysisSettings((index, environment, name, settings) -> elision(name, environment, settings)));
        all.put("uppercase", normalizing(UpperCaseFilter::new));
        all.put("trim", normalizing(TrimFilter::new));
        all.put("cjk_width", normalizing(CJKWidthFilter::new));
        all.put("decimal_digit", normalizing(DecimalDigitFilter::new));
        all.put("arabic_normalization", normalizing(ArabicNormalizationFilter::new));
        all.put("german_normalization", normalizing(GermanNormalizationFilter::new));
        all.put("persian_normalization", normalizing(PersianNormalizationFilter::new));
        all.put("scandinavian_folding", normalizing(ScandinavianFoldingFilter::new));
        all.put("scandinavian_normalization", normalizing(ScandinavianNormalizationFilter::new));
        all.put("apostrophe", plain(ApostropheFilter::new));
        all.put("reverse", plain(ReverseStringFilter::new));
        all.put("pattern_replace", requiresAnalysisSettings((index, environment, name, settings) -> patternReplace(name, settings)));
        all.put("truncate", requiresAnalysisSettings((index, environment, name, settings) -> truncate(name, settings)));
    }

    /** From a form of a word to its stem. */
    private static void addStemming(Map<String, AnalysisProvider<TokenFilterFactory>> all) {
        all.put("stemmer", (index, environment, name, settings) ->
            new Filter(name, Stemmers.of(settings.get("language", settings.get("name", "porter")))));
        all.put("snowball", (index, environment, name, settings) -> snowball(name, settings));
        all.put("porter_stem", plain(PorterStemFilter::new));
        all.put("kstem", plain(KStemFilter::new));
        all.put("keyword_marker", requiresAnalysisSettings(TokenFilters::keywordMarker));
        all.put("stemmer_override", requiresAnalysisSettings(TokenFilters::stemmerOverride));
    }

    /** Some tokens of those that come. */
    private static void addChoosing(Map<String, AnalysisProvider<TokenFilterFactory>> all) {
        all.put("unique", (index, environment, name, settings) -> unique(name, settings));
        all.put("remove_duplicates", plain(RemoveDuplicatesTokenFilter::new));
        all.put("length", (index, environment, name, settings) -> length(name, settings));
        all.put("limit", (index, environment, name, settings) -> limit(name, settings));
        all.put("keep", requiresAnalysisSettings((index, environment, name, settings) -> keep(name, environment, settings)));
    }

    /** Several tokens out of one. */
    private static void addSplitting(Map<String, AnalysisProvider<TokenFilterFactory>> all) {
        all.put("edge_ngram", (index, environment, name, settings) -> edgeGrams(name, settings));
        all.put("ngram", TokenFilters::grams);
        all.put("cjk_bigram", (index, environment, name, settings) -> cjkBigrams(name, settings));
        all.put("flatten_graph", plain(FlattenGraphFilter::new));
        all.put("word_delimiter", WordDelimiters::flat);
        all.put("word_delimiter_graph", WordDelimiters::graph);
    }

    private static AnalysisProvider<TokenFilterFactory> plain(UnaryOperator<TokenStream> wrap) {
        return (index, environment, name, settings) -> new Filter(name, wrap);
    }

    private static AnalysisProvider<TokenFilterFactory> normalizing(UnaryOperator<TokenStream> wrap) {
        return (index, environment, name, settings) -> new Filter.Normalizing(name, wrap);
    }

    private static TokenFilterFactory asciiFolding(String name, Settings settings) {
        boolean preserve = settings.getAsBoolean("preserve_original", false);
        return new Filter.Expanding(name, tokens -> new ASCIIFoldingFilter(tokens, preserve), ASCIIFoldingFilter::new);
    }

    private static UnaryOperator<TokenStream> lowerCase(Settings settings) {
        String language = settings.get("language", "").toLowerCase(Locale.ROOT);
        return switch (language) {
            case "" -> LowerCaseFilter::new;
            case "greek" -> GreekLowerCaseFilter::new;
            case "irish" -> IrishLowerCaseFilter::new;
            case "turkish" -> TurkishLowerCaseFilter::new;
            default -> throw new IllegalArgumentException("language [" + language + "] not support for lower case");
        };
    }

    private static TokenFilterFactory elision(String name, Environment environment, Settings settings) {
        CharArraySet articles = Analysis.parseArticles(environment, settings);
        if (articles == null) {
            throw new IllegalArgumentException("elision filter requires [articles] or [articles_path] setting");
        }
        return new Filter.Normalizing(name, tokens -> new ElisionFilter(tokens, articles));
    }

    private static TokenFilterFactory patternReplace(String name, Settings settings) {
        String expression = settings.get("pattern");
        if (expression == null) {
            throw new IllegalArgumentException("pattern is missing for [" + name + "] token filter of type 'pattern_replace'");
        }
        Pattern pattern = Regex.compile(expression, settings.get("flags"));
        String replacement = settings.get("replacement", "");
        boolean all = settings.getAsBoolean("all", true);
        return new Filter.Normalizing(name, tokens -> new PatternReplaceFilter(tokens, pattern, replacement, all));
    }

    private static TokenFilterFactory truncate(String name, Settings settings) {
        int length = settings.getAsInt("length", -1);
        if (length <= 0) {
            throw new IllegalArgumentException("length parameter must be provided");
        }
        return new Filter(name, tokens -> new TruncateTokenFilter(tokens, length));
    }

    private static TokenFilterFactory snowball(String name, Settings settings) {
        String language = settings.get("language", settings.get("name", "English"));
        String stemmer = language.substring(0, 1).toUpperCase(Locale.ROOT) + language.substring(1);
        return new Filter(name, tokens -> new SnowballFilter(tokens, stemmer));
    }

    private static TokenFilterFactory keywordMarker(IndexSettings index, Environment environment, String name, Settings settings) {
        boolean ignoreCase = settings.getAsBoolean("ignore_case", false);
        String expression = settings.get("keywords_pattern");
        CharArraySet keywords = Analysis.getWordSet(environment, settings, "keywords");
        if ((expression == null) == (keywords == null)) {
            throw new IllegalArgumentException("keyword filter requires either `keywords`, `keywords_path` or `keywords_pattern`");
        }
        if (expression != null) {
            Pattern pattern = Pattern.compile(expression);
            return new Filter(name, tokens -> new PatternKeywordMarkerFilter(tokens, pattern));
        }
        CharArraySet words = new CharArraySet(keywords, ignoreCase);
        return new Filter(name, tokens -> new SetKeywordMarkerFilter(tokens, words));
    }

    private static TokenFilterFactory stemmerOverride(IndexSettings index, Environment environment, String name, Settings settings)
        throws java.io.IOException {
        List<String> rules = Analysis.getWordList(environment, settings, "rules");
        if (rules == null) {
            throw new IllegalArgumentException("stemmer override filter requires either `rules` or `rules_path` to be configured");
        }
        StemmerOverrideFilter.Builder builder = new StemmerOverrideFilter.Builder(false);
        for (String rule : rules) {
            String[] sides = rule.split("=>", -1);
            if (sides.length != 2 || sides[1].isBlank()) {
                throw new IllegalArgumentException("Invalid Keyword override Rule:" + rule);
            }
            for (String word : sides[0].split(",")) {
                builder.add(word.trim(), sides[1].trim());
            }
        }
        StemmerOverrideFilter.StemmerOverrideMap map = builder.build();
        return new Filter(name, tokens -> new StemmerOverrideFilter(tokens, map));
    }

    private static TokenFilterFactory unique(String name, Settings settings) {
        boolean samePosition = settings.getAsBoolean("only_on_same_position", false);
        return new Filter(name, samePosition ? RemoveDuplicatesTokenFilter::new : UniqueFilter::new);
    }

    private static TokenFilterFactory length(String name, Settings settings) {
        int shortest = settings.getAsInt("min", 0);
        int longest = settings.getAsInt("max", Integer.MAX_VALUE);
        return new Filter(name, tokens -> new LengthFilter(tokens, shortest, longest));
    }

    private static TokenFilterFactory limit(String name, Settings settings) {
        int most = settings.getAsInt("max_token_count", 1);
        boolean readOn = settings.getAsBoolean("consume_all_tokens", false);
        return new Filter(name, tokens -> new LimitTokenCountFilter(tokens, most, readOn));
    }

    private static TokenFilterFactory keep(String name, Environment environment, Settings settings) {
        CharArraySet words = Analysis.getWordSet(environment, settings, "keep_words");
        if (words == null) {
            throw new IllegalArgumentException("keep requires either `keep_words` or `keep_words_path` to be configured");
        }
        CharArraySet kept = new CharArraySet(words, settings.getAsBoolean("keep_words_case", false));
        return new Filter(name, tokens -> new KeepWordFilter(tokens, kept));
    }

    private static TokenFilterFactory edgeGrams(String name, Settings settings) {
        int shortest = settings.getAsInt("min_gram", 1);
        int longest = settings.getAsInt("max_gram", 2);
        boolean preserve = settings.getAsBoolean("preserve_original", false);
        boolean fromEnd = isFromEnd(settings.get("side", "front"));
        return new Filter.Splitting(name, tokens -> {
            TokenStream grams = new EdgeNGramTokenFilter(fromEnd ? new ReverseStringFilter(tokens) : tokens, shortest, longest, preserve);
            return fromEnd ? new ReverseStringFilter(grams) : grams;
        });
    }

    private static boolean isFromEnd(String side) {
        return switch (side) {
            case "front" -> false;
            case "back" -> true;
            default -> throw new IllegalArgumentException("invalid side: " + side);
        };
    }

    private static TokenFilterFactory grams(IndexSettings index, Environment environment, String name, Settings settings) {
        int shortest = settings.getAsInt("min_gram", 1);
        int longest = settings.getAsInt("max_gram", 2);
        boolean preserve = settings.getAsBoolean("preserve_original", false);
        checkGramDifference(index, shortest, longest, "NGram Tokenizer");
        return new Filter.Splitting(name, tokens -> new NGramTokenFilter(tokens, shortest, longest, preserve));
    }

    private static TokenFilterFactory cjkBigrams(String name, Settings settings) {
        Map<String, Integer> scripts = Map.of(
            "han", CJKBigramFilter.HAN,
            "hiragana", CJKBigramFilter.HIRAGANA,
            "katakana", CJKBigramFilter.KATAKANA,
            "hangul", CJKBigramFilter.HANGUL
        );
        List<String> ignored = settings.getAsList("ignored_scripts");
        int wanted = scripts.entrySet().stream().filter(script -> !ignored.contains(script.getKey())).mapToInt(Map.Entry::getValue).sum();
        boolean unigrams = settings.getAsBoolean("output_unigrams", false);
        UnaryOperator<TokenStream> wrap = tokens -> new CJKBigramFilter(tokens, wanted, unigrams);
        return unigrams ? new Filter.Splitting(name, wrap) : new Filter(name, wrap);
    }
}
