select
    code as indicator_code,
    name_vi,
    name_en,
    numerator as numerator_text,
    denominator as denominator_text,
    unit,
    better as better_code,
    grain as grain_text,
    source_datasets
from {{ ref('indicator') }}
