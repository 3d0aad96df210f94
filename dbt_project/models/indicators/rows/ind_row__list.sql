-- A list that names no such household of a commune says 0, and nothing if all its households there are held.
with figure as (
    select
        indicator.indicator_code,
        list.period_code,
        list.standard_code,
        '' as breakdown_kind_code,
        '' as breakdown_code,
        list.commune_code,
        list.district_code,
        list.province_code,
        case when list.is_known then 0 end as numerator,
        -- without the profile of a commune it is not known what its households are measured against
        case
            when indicator.denominator_text is null then null
            when indicator.source_datasets not like '%commune_profile%' or profile.commune_code is not null then 0
        end as denominator,
        list.sender_code,
        list.submission_id,
        null as sheet_name,
        null::integer as row_number
    from {{ ref('fct_review_coverage') }} as list -- slice: period_code, commune_code
    cross join {{ ref('dim_indicator') }} as indicator
    left join {{ ref('fct_commune_profile') }} as profile
        on
            list.commune_code = profile.commune_code
            and list.review_year = profile.year
    where
        indicator.source_datasets ~ 'household_(review|member)'
        -- counted by deprivation alone
        and indicator.indicator_code <> 'deprivation_rate'
)

select {{ indicator_row("'household_review'", standard_code='figure.standard_code') }}
from figure
