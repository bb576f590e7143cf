package livedrops;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiFunction;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.CharArraySet;
import org.apache.lucene.analysis.ar.ArabicAnalyzer;
import org.apache.lucene.analysis.cjk.CJKAnalyzer;
import org.apache.lucene.analysis.da.DanishAnalyzer;
import org.apache.lucene.analysis.de.GermanAnalyzer;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.es.SpanishAnalyzer;
import org.apache.lucene.analysis.fi.FinnishAnalyzer;
import org.apache.lucene.analysis.fr.FrenchAnalyzer;
import org.apache.lucene.analysis.it.ItalianAnalyzer;
import org.apache.lucene.analysis.nl.DutchAnalyzer;
import org.apache.lucene.analysis.no.NorwegianAnalyzer;
import org.apache.lucene.analysis.pt.PortugueseAnalyzer;
import org.apache.lucene.analysis.ru.RussianAnalyzer;
import org.apache.lucene.analysis.sv.SwedishAnalyzer;
import org.apache.lucene.analysis.tr.TurkishAnalyzer;
import org.elasticsearch.index.analysis.AbstractIndexAnalyzerProvider;
import org.elasticsearch.index.analysis.Analysis;
import org.elasticsearch.index.analysis.AnalyzerProvider;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;

/** Analyzers of languages, with the settings "stopwords" and "stem_exclusion". */
final class Analyzers {
    private Analyzers() {}

    static Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> all() {
        Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> all = new TreeMap<>();
        all.put("arabic", language(ArabicAnalyzer.getDefaultStopSet(), ArabicAnalyzer::new));
        all.put("cjk", language(CJKAnalyzer.getDefaultStopSet(), (stop, kept) -> new CJKAnalyzer(stop)));
        all.put("danish", language(DanishAnalyzer.getDefaultStopSet(), DanishAnalyzer::new));
        all.put("dutch", language(DutchAnalyzer.getDefaultStopSet(), DutchAnalyzer::new));
        all.put("english", language(EnglishAnalyzer.getDefaultStopSet(), EnglishAnalyzer::new));
        all.put("finnish", language(FinnishAnalyzer.getDefaultStopSet(), FinnishAnalyzer::new));
        all.put("french", language(FrenchAnalyzer.getDefaultStopSet(), FrenchAnalyzer::new));
        all.put("german", language(GermanAnalyzer.getDefaultStopSet(), GermanAnalyzer::new));
        all.put("italian", language(ItalianAnalyzer.getDefaultStopSet(), ItalianAnalyzer::new));
        all.put("norwegian", language(NorwegianAnalyzer.getDefaultStopSet(), NorwegianAnalyzer::new));
        all.put("portuguese", language(PortugueseAnalyzer.getDefaultStopSet(), PortugueseAnalyzer::new));
        all.put("russian", language(RussianAnalyzer.getDefaultStopSet(), RussianAnalyzer::new));
        all.put("spanish", language(SpanishAnalyzer.getDefaultStopSet(), SpanishAnalyzer::new));
        all.put("swedish", language(SwedishAnalyzer.getDefaultStopSet(), SwedishAnalyzer::new));
        all.put("turkish", language(TurkishAnalyzer.getDefaultStopSet(), TurkishAnalyzer::new));
        return all;
    }

    /** maker: of the words to leave out and of those not to stem. */
    private static AnalysisProvider<AnalyzerProvider<? extends Analyzer>> language(
        CharArraySet stopWords,
        BiFunction<CharArraySet, CharArraySet, Analyzer> maker
    ) {
        return (index, environment, name, settings) -> {
            CharArraySet stop = Analysis.parseStopWords(environment, settings, stopWords);
            CharArraySet kept = Analysis.parseStemExclusion(settings, CharArraySet.EMPTY_SET);
            Analyzer analyzer = maker.apply(stop, kept);
            return new AbstractIndexAnalyzerProvider<Analyzer>(name, settings) {
                @Override
                public Analyzer get() {
                    return analyzer;
                }
            };
        };
    }
}
