select
    code as standard_code,
    area_type,
    legal_source,
    review_year_from as valid_from_year,
    review_year_to as valid_to_year,
    poor_income_vnd,
    near_poor_income_vnd,
    average_living_income_vnd,
    min_deprivations as min_deprivation_count,
    listed_deprivations as listed_deprivation_count,
    rule as rule_text,
    is_verified,
    source_note
from {{ ref('poverty_standard') }}
